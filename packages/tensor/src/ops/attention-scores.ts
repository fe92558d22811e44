import { kernel } from '../kernel'
import type { Dispatch, Operand, Values } from '../op'
import type { AttentionAttributes } from './attention-shape'
import { attentionExtents } from './attention-shape'

// Kernels and the reference that the ops of attention share. A query sees the rows first to last: the mask is the end of each loop.

const score = kernel(
  'attentionScores',
  [3, 3, 1, 1, 'integer', 'integer', 'float'],
  function (q, k, first, last, size, group, scale) {
    const row = first[this.thread.z] + this.thread.x
    const start = Math.floor((this.thread.y + 0.5) / group) * size
    let sum = 0
    if (row <= last[this.thread.z]) {
      for (let c = 0; c < size; c++) {
        sum += q[this.thread.z][this.thread.y][c] * k[0][row][start + c]
      }
    }
    return sum * scale
  },
)

const maximum = kernel('attentionMaximum', [3, 1, 1], function (scores, first, last) {
  const count = last[this.thread.y] - first[this.thread.y] + 1
  let max = scores[this.thread.y][this.thread.x][0]
  for (let s = 1; s < count; s++) {
    max = Math.max(max, scores[this.thread.y][this.thread.x][s])
  }
  return max
})

const total = kernel('attentionTotal', [3, 2, 1, 1], function (scores, max, first, last) {
  const count = last[this.thread.y] - first[this.thread.y] + 1
  let sum = 0
  for (let s = 0; s < count; s++) {
    sum += Math.exp(scores[this.thread.y][this.thread.x][s] - max[this.thread.y][this.thread.x])
  }
  return sum
})

const weigh = kernel('attentionWeights', [3, 2, 2, 1, 1], function (scores, max, sum, first, last) {
  let weight = 0
  if (this.thread.x <= last[this.thread.z] - first[this.thread.z]) {
    const above = scores[this.thread.z][this.thread.y][this.thread.x] - max[this.thread.z][this.thread.y]
    weight = Math.exp(above) / sum[this.thread.z][this.thread.y]
  }
  return weight
})

/**
 * Columns that hold a span: a power of two, so that kernels which are compiled for each size are compiled for a few only.
 */
export const paddedSpan = (span: number, rows: number): number =>
  Math.min(rows, Math.max(64, 2 ** Math.ceil(Math.log2(span))))

/** The softmax of the scores, [N, H, columns]: column c for row first + c, and 0 beyond the range. */
export const dispatchWeights = (
  dispatch: Dispatch,
  inputs: readonly Operand[],
  attributes: AttentionAttributes,
  columns: number,
): Operand => {
  const [q, k, , first, last] = inputs
  const { tokens, heads, headDim, rows, kvHeads, group, factor } = attentionExtents('attention', inputs, attributes)
  const ranges = [first.as(tokens), last.as(tokens)] as const
  const scores = dispatch(
    score,
    [columns, heads, tokens],
    [q.as(headDim, heads, tokens), k.as(kvHeads * headDim, rows, 1), ...ranges, headDim, group, factor],
  ).as(columns, heads, tokens)
  const max = dispatch(maximum, [heads, tokens], [scores, ...ranges]).as(heads, tokens)
  const sum = dispatch(total, [heads, tokens], [scores, max, ...ranges]).as(heads, tokens)
  return dispatch(weigh, [columns, heads, tokens], [scores, max, sum, ...ranges])
}

/** The weights of one query and head in float64, for the rows of its range. */
export const referenceWeights = (
  [q, k, , first, last]: readonly Values[],
  token: number,
  head: number,
  scale: number | undefined,
): { readonly weights: readonly number[]; readonly kvRow: (s: number) => number } => {
  const [, heads, headDim] = q.shape
  const [, kvHeads] = k.shape
  const query = (token * heads + head) * headDim
  const kvHead = Math.floor(head / (heads / kvHeads))
  const kvRow = (s: number) => ((first.data[token] + s) * kvHeads + kvHead) * headDim
  const scores = Array.from({ length: Math.max(last.data[token] - first.data[token] + 1, 0) }, (_, s) => {
    let sum = 0
    for (let c = 0; c < headDim; c++) sum += q.data[query + c] * k.data[kvRow(s) + c]
    return sum * (scale ?? 1 / Math.sqrt(headDim))
  })
  const max = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const exponentials = scores.map(value => Math.exp(value - max))
  const sum = exponentials.reduce((a, b) => a + b, 0)
  return { weights: exponentials.map(value => value / sum), kvRow }
}
