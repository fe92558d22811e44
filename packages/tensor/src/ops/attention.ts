import { ShapeError } from '../errors'
import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { format, type Shape } from '../shape'
import { apply, type Tensor } from '../tensor'

// Shapes: B batch, T time of the queries, S rows of the cache, H heads, K kv heads, C head dim.
// The query at t stands at position p + t and sees the rows up to it: the mask is the end of each loop.

const score = kernel(
  'attentionScores',
  { q: 3, k: 3, size: 'integer', group: 'integer', tokens: 'integer', position: 'integer', scale: 'float' },
  function (
    this: Thread,
    q: number[][][],
    k: number[][][],
    size: number,
    group: number,
    tokens: number,
    position: number,
    scale: number,
  ) {
    const batch = Math.floor((this.thread.z + 0.5) / tokens)
    const t = this.thread.z - batch * tokens
    const start = Math.floor((this.thread.y + 0.5) / group) * size
    let sum = 0
    if (this.thread.x <= position + t) {
      for (let c = 0; c < size; c++) {
        sum += q[this.thread.z][this.thread.y][c] * k[batch][this.thread.x][start + c]
      }
    }
    return sum * scale
  },
)

const maximum = kernel(
  'attentionMaximum',
  { scores: 3, tokens: 'integer', position: 'integer' },
  function (this: Thread, scores: number[][][], tokens: number, position: number) {
    const t = this.thread.y - tokens * Math.floor((this.thread.y + 0.5) / tokens)
    let max = scores[this.thread.y][this.thread.x][0]
    for (let s = 1; s <= position + t; s++) {
      max = Math.max(max, scores[this.thread.y][this.thread.x][s])
    }
    return max
  },
)

const exponentials = kernel(
  'attentionExponentials',
  { scores: 3, max: 2, tokens: 'integer', position: 'integer' },
  function (this: Thread, scores: number[][][], max: number[][], tokens: number, position: number) {
    const t = this.thread.y - tokens * Math.floor((this.thread.y + 0.5) / tokens)
    let sum = 0
    for (let s = 0; s <= position + t; s++) {
      sum += Math.exp(scores[this.thread.y][this.thread.x][s] - max[this.thread.y][this.thread.x])
    }
    return sum
  },
)

const weigh = kernel(
  'attentionValues',
  { scores: 3, max: 2, total: 2, v: 3, size: 'integer', group: 'integer', tokens: 'integer', position: 'integer' },
  function (
    this: Thread,
    scores: number[][][],
    max: number[][],
    total: number[][],
    v: number[][][],
    size: number,
    group: number,
    tokens: number,
    position: number,
  ) {
    const batch = Math.floor((this.thread.z + 0.5) / tokens)
    const t = this.thread.z - batch * tokens
    const column = Math.floor((this.thread.y + 0.5) / group) * size + this.thread.x
    const top = max[this.thread.z][this.thread.y]
    let sum = 0
    for (let s = 0; s <= position + t; s++) {
      sum += Math.exp(scores[this.thread.z][this.thread.y][s] - top) * v[batch][s][column]
    }
    return sum / total[this.thread.z][this.thread.y]
  },
)

export interface AttentionAttributes {
  /** Position of the first query: how many rows of the cache stand before it. */
  readonly position: number
}

const extents = (q: Shape, k: Shape, v: Shape, position: number) => {
  const [batch, tokens, heads, headDim] = q
  const [cacheBatch, capacity, kvHeads, kvDim] = k
  const fits =
    q.length === 4 &&
    k.length === 4 &&
    cacheBatch === batch &&
    kvDim === headDim &&
    heads % kvHeads === 0 &&
    format(k) === format(v)
  if (!fits)
    throw new ShapeError(
      'attention',
      `q [batch, time, heads, dim] ${format(q)} does not fit k ${format(k)} and v ${format(v)}: [batch, rows, kv heads, dim], where kv heads divide heads`,
    )
  if (!Number.isInteger(position) || position < 0 || position + tokens > capacity)
    throw new ShapeError(
      'attention',
      `position ${position} and ${tokens} queries go past the ${capacity} rows of the cache`,
    )
  return { batch, tokens, heads, headDim, capacity, kvHeads, group: heads / kvHeads, length: position + tokens }
}

export const attentionOp: Op<AttentionAttributes> = {
  name: 'attention',
  shape: ([q, k, v], { position }) => {
    extents(q, k, v, position)
    return q
  },
  run: (dispatch, [q, k, v], { position }) => {
    const { batch, tokens, heads, headDim, capacity, kvHeads, group, length } = extents(
      q.shape,
      k.shape,
      v.shape,
      position,
    )
    const rows = batch * tokens
    const scores = dispatch(score, [length, heads, rows], {
      q: q.as(headDim, heads, rows),
      k: k.as(kvHeads * headDim, capacity, batch),
      size: headDim,
      group,
      tokens,
      position,
      scale: 1 / Math.sqrt(headDim),
    }).as(length, heads, rows)
    const max = dispatch(maximum, [heads, rows], { scores, tokens, position }).as(heads, rows)
    const total = dispatch(exponentials, [heads, rows], { scores, max, tokens, position }).as(heads, rows)
    return dispatch(weigh, [headDim, heads, rows], {
      scores,
      max,
      total,
      v: v.as(kvHeads * headDim, capacity, batch),
      size: headDim,
      group,
      tokens,
      position,
    })
  },
  reference: ([q, k, v], { position }) => {
    const { batch, tokens, heads, headDim, capacity, kvHeads, group } = extents(q.shape, k.shape, v.shape, position)
    const y = new Float64Array(batch * tokens * heads * headDim)
    for (let row = 0; row < batch * tokens; row++)
      for (let head = 0; head < heads; head++) {
        const query = (row * heads + head) * headDim
        const kvHead = Math.floor(head / group)
        const kvRow = (s: number) => ((Math.floor(row / tokens) * capacity + s) * kvHeads + kvHead) * headDim
        const scores = Array.from({ length: position + (row % tokens) + 1 }, (_, s) => {
          let sum = 0
          for (let c = 0; c < headDim; c++) sum += q.data[query + c] * k.data[kvRow(s) + c]
          return sum / Math.sqrt(headDim)
        })
        const max = scores.reduce((a, b) => Math.max(a, b))
        const weights = scores.map(value => Math.exp(value - max))
        const total = weights.reduce((a, b) => a + b)
        weights.forEach((weight, s) => {
          for (let c = 0; c < headDim; c++) y[query + c] += (weight / total) * v.data[kvRow(s) + c]
        })
      }
    return y
  },
  cost: ([q, k, v], { position }) => {
    const { batch, tokens, heads, headDim, kvHeads } = extents(q, k, v, position)
    const seen = tokens * position + (tokens * (tokens + 1)) / 2
    return {
      flops: batch * heads * seen * (4 * headDim + 5),
      bytes: 4 * batch * (2 * tokens * heads * headDim + 2 * (position + tokens) * kvHeads * headDim),
    }
  },
}

/**
 * Causal scaled dot-product attention over a cache (Vaswani et al. 2017, equation 1) with grouped heads (Ainslie et al. 2023):
 * query head h reads kv head ⌊h / (heads / kvHeads)⌋.
 * @param q [batch, time, heads, headDim]
 * @param k [batch, rows, kvHeads, headDim], of which the first `position + time` rows are read
 * @param v as k
 * @returns [batch, time, heads, headDim]
 * @throws ShapeError
 */
export const attention = (q: Tensor, k: Tensor, v: Tensor, attributes: AttentionAttributes): Tensor =>
  apply(attentionOp, [q, k, v], attributes)
