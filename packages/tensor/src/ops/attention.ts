import { apply, applyOne } from '../apply'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { bytesOf, spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'
import { attentionBackwardOp } from './attention-backward'
import { dispatchWeights, paddedSpan, referenceWeights } from './attention-scores'
import { type AttentionAttributes, attentionExtents } from './attention-shape'

const mix = kernel('attention', [3, 3, 1, 1, 'integer', 'integer'], function (weights, v, first, last, size, group) {
  const column = Math.floor((this.thread.y + 0.5) / group) * size + this.thread.x
  const start = first[this.thread.z]
  const count = last[this.thread.z] - start + 1
  let sum = 0
  for (let s = 0; s < count; s++) {
    sum += weights[this.thread.z][this.thread.y][s] * v[0][start + s][column]
  }
  return sum
})

export const attentionOp: Op<AttentionAttributes> = {
  name: 'attention',
  infer: (inputs, attributes) => {
    attentionExtents('attention', inputs, attributes)
    return [inputs[0]]
  },
  run: (dispatch, inputs, attributes) => {
    const [, , v, first, last] = inputs
    const { tokens, heads, headDim, rows, kvHeads, group, span } = attentionExtents('attention', inputs, attributes)
    const columns = paddedSpan(span, rows)
    const weights = dispatchWeights(dispatch, inputs, attributes, columns).as(columns, heads, tokens)
    const values = v.as(kvHeads * headDim, rows, 1)
    return [
      dispatch(mix, [headDim, heads, tokens], [weights, values, first.as(tokens), last.as(tokens), headDim, group]),
    ]
  },
  reference: (inputs, { scale }) => {
    const [q, , v] = inputs
    const [tokens, heads, headDim] = q.shape
    const y = new Float64Array(tokens * heads * headDim)
    for (let token = 0; token < tokens; token++)
      for (let head = 0; head < heads; head++) {
        const { weights, kvRow } = referenceWeights(inputs, token, head, scale)
        for (const [s, weight] of weights.entries())
          for (let c = 0; c < headDim; c++) y[(token * heads + head) * headDim + c] += weight * v.data[kvRow(s) + c]
      }
    return [y]
  },
  cost: (inputs, attributes) => {
    const [q, k, v] = inputs
    const { heads, headDim, rows, span } = attentionExtents('attention', inputs, attributes)
    const { seen } = attributes
    return {
      flops: heads * seen * (4 * headDim + 5),
      bytes: totalBytes(q, q) + ((bytesOf(k) + bytesOf(v)) / rows) * span,
    }
  },
  gradient: {
    inputs: [0, 1, 2, 3, 4],
    of: ({ inputs, attributes }, [dy]) => apply(attentionBackwardOp, [...inputs, dy], attributes),
  },
}

/** The weights of `attention`, for inspection. */
export const attentionWeightsOp: Op<AttentionAttributes> = {
  name: 'attentionWeights',
  infer: ([q, k, first, last], attributes) => {
    const { tokens, heads, span } = attentionExtents('attentionWeights', [q, k, k, first, last], attributes)
    return [spec([tokens, heads, span])]
  },
  run: (dispatch, [q, k, first, last], attributes) => [
    dispatchWeights(dispatch, [q, k, k, first, last], attributes, attributes.span),
  ],
  reference: ([q, k, first, last], { span, scale }) => {
    const [tokens, heads] = q.shape
    const y = new Float64Array(tokens * heads * span)
    for (let token = 0; token < tokens; token++)
      for (let head = 0; head < heads; head++)
        y.set(referenceWeights([q, k, k, first, last], token, head, scale).weights, (token * heads + head) * span)
    return [y]
  },
  cost: ([q, k], { seen, span }) => {
    const [tokens, heads, headDim] = q.shape
    const y = spec([tokens, heads, span])
    return { flops: heads * seen * (2 * headDim + 5), bytes: totalBytes(q, y) + (bytesOf(k) / k.shape[0]) * span }
  },
}

/** The rows of keys and values that each query sees, and facts about them that the host knows. */
export interface Ranges extends AttentionAttributes {
  /** i32 [N]: the first row. */
  readonly first: Tensor
  /** i32 [N]: the last row, included. */
  readonly last: Tensor
}

/**
 * Scaled dot-product attention (Vaswani et al. 2017, equation 1) with grouped heads (Ainslie et al. 2023): query head h reads
 * kv head ⌊h / (heads / kvHeads)⌋. Query n sees the rows `first[n]` to `last[n]`: that range is the mask.
 * @param q f32 [N, heads, headDim]
 * @param k [S, kvHeads, headDim]: f32, or a type of the device's `cacheTypes`
 * @param v as k
 * @returns f32 [N, heads, headDim]
 * @throws ShapeError
 */
export const attention = (q: Tensor, k: Tensor, v: Tensor, { first, last, ...attributes }: Ranges): Tensor =>
  applyOne(attentionOp, [q, k, v, first, last], attributes)

/**
 * The weights of {@link attention}.
 * @returns f32 [N, heads, span]: column c is the weight of row `first[n] + c`; 0 beyond the range
 * @throws ShapeError
 */
export const attentionWeights = (q: Tensor, k: Tensor, { first, last, ...attributes }: Ranges): Tensor =>
  applyOne(attentionWeightsOp, [q, k, first, last], attributes)
