import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { format, sameShape } from '../shape'
import { expectFloats, totalBytes } from '../spec'
import { dispatchWeights, referenceWeights } from './attention-scores'
import { type AttentionAttributes, attentionExtents } from './attention-shape'

// P are the weights, dP = dy · v their gradient, D = Σ P · dP, and dS = P · (dP - D) · scale that of the scores.

const weightGradient = kernel(
  'attentionWeightGradient',
  [3, 3, 1, 1, 'integer', 'integer'],
  function (dy, v, first, last, size, group) {
    const row = first[this.thread.z] + this.thread.x
    const start = Math.floor((this.thread.y + 0.5) / group) * size
    let sum = 0
    if (row <= last[this.thread.z]) {
      for (let c = 0; c < size; c++) {
        sum += dy[this.thread.z][this.thread.y][c] * v[0][row][start + c]
      }
    }
    return sum
  },
)

const projection = kernel('attentionProjection', [3, 3, 'integer'], function (weights, gradients, span) {
  let sum = 0
  for (let s = 0; s < span; s++) {
    sum += weights[this.thread.y][this.thread.x][s] * gradients[this.thread.y][this.thread.x][s]
  }
  return sum
})

const scoreGradient = kernel('attentionScoreGradient', [3, 3, 2, 'float'], function (weights, gradients, sums, scale) {
  const above = gradients[this.thread.z][this.thread.y][this.thread.x] - sums[this.thread.z][this.thread.y]
  return weights[this.thread.z][this.thread.y][this.thread.x] * above * scale
})

const queryGradient = kernel(
  'attentionQueryGradient',
  [3, 3, 1, 1, 'integer', 'integer'],
  function (scores, k, first, last, size, group) {
    const column = Math.floor((this.thread.y + 0.5) / group) * size + this.thread.x
    const start = first[this.thread.z]
    const count = last[this.thread.z] - start + 1
    let sum = 0
    for (let s = 0; s < count; s++) {
      sum += scores[this.thread.z][this.thread.y][s] * k[0][start + s][column]
    }
    return sum
  },
)

// Of a row of keys or values: over all queries that see it, and the heads of its group.
const rowGradient = kernel(
  'attentionRowGradient',
  [3, 3, 1, 1, 'integer', 'integer'],
  function (scores, x, first, last, tokens, group) {
    let sum = 0
    for (let n = 0; n < tokens; n++) {
      const s = this.thread.z - first[n]
      if (s >= 0) {
        if (this.thread.z <= last[n]) {
          for (let g = 0; g < group; g++) {
            sum += scores[n][this.thread.y * group + g][s] * x[n][this.thread.y * group + g][this.thread.x]
          }
        }
      }
    }
    return sum
  },
)

/** Gradients of `attention` by q, k and v. Inputs are those of `attention`, then dy; keys and values are f32. */
export const attentionBackwardOp: Op<AttentionAttributes> = {
  name: 'attentionBackward',
  infer: (inputs, attributes) => {
    const [q, k, v, , , dy] = inputs
    attentionExtents('attentionBackward', inputs, attributes)
    expectFloats('attentionBackward', [q, k, v, dy])
    if (!sameShape(dy.shape, q.shape))
      throw new ShapeError('attentionBackward', `dy ${format(dy.shape)} is not of the shape of q ${format(q.shape)}`)
    return [q, k, v]
  },
  run: (dispatch, inputs, attributes) => {
    const [q, k, v, first, last, dy] = inputs
    const extents = attentionExtents('attentionBackward', inputs, attributes)
    const { tokens, heads, headDim, rows, kvHeads, group, span, factor } = extents
    const ranges = [first.as(tokens), last.as(tokens)] as const
    const queries = q.as(headDim, heads, tokens)
    const gradient = dy.as(headDim, heads, tokens)
    const keys = k.as(kvHeads * headDim, rows, 1)
    const values = v.as(kvHeads * headDim, rows, 1)
    const weights = dispatchWeights(dispatch, inputs, attributes, span).as(span, heads, tokens)
    const weightGradients = dispatch(
      weightGradient,
      [span, heads, tokens],
      [gradient, values, ...ranges, headDim, group],
    ).as(span, heads, tokens)
    const sums = dispatch(projection, [heads, tokens], [weights, weightGradients, span]).as(heads, tokens)
    const scores = dispatch(scoreGradient, [span, heads, tokens], [weights, weightGradients, sums, factor])
    const dscores = scores.as(span, heads, tokens)
    return [
      dispatch(queryGradient, [headDim, heads, tokens], [dscores, keys, ...ranges, headDim, group]),
      dispatch(rowGradient, [headDim, kvHeads, rows], [dscores, queries, ...ranges, tokens, group]),
      dispatch(rowGradient, [headDim, kvHeads, rows], [weights, gradient, ...ranges, tokens, group]),
    ]
  },
  reference: (inputs, { scale }) => {
    const [q, k, v, , , dy] = inputs
    const [tokens, heads, headDim] = q.shape
    const [dq, dk, dv] = [q, k, v].map(({ data }) => new Float64Array(data.length))
    const factor = scale ?? 1 / Math.sqrt(headDim)
    for (let token = 0; token < tokens; token++)
      for (let head = 0; head < heads; head++) {
        const query = (token * heads + head) * headDim
        const { weights, kvRow } = referenceWeights(inputs, token, head, scale)
        const gradients = weights.map((_, s) => {
          let sum = 0
          for (let c = 0; c < headDim; c++) sum += dy.data[query + c] * v.data[kvRow(s) + c]
          return sum
        })
        const projected = weights.reduce((sum, weight, s) => sum + weight * gradients[s], 0)
        for (const [s, weight] of weights.entries()) {
          const dscore = weight * (gradients[s] - projected) * factor
          for (let c = 0; c < headDim; c++) {
            dq[query + c] += dscore * k.data[kvRow(s) + c]
            dk[kvRow(s) + c] += dscore * q.data[query + c]
            dv[kvRow(s) + c] += weight * dy.data[query + c]
          }
        }
      }
    return [dq, dk, dv]
  },
  cost: ([q, k, v], { seen }) => {
    const [, heads, headDim] = q.shape
    return { flops: heads * seen * (10 * headDim + 9), bytes: totalBytes(q, q, q, k, k, v, v) }
  },
}
