// Grouped-query attention in float64, from the papers: every head of queries looks at its group's keys.

export interface Weights {
  readonly wq: readonly number[]
  readonly wk: readonly number[]
  readonly wv: readonly number[]
  readonly wo: readonly number[]
}

export interface Sizes {
  readonly dim: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
}

const times = (weight: readonly number[], row: readonly number[]): number[] =>
  Array.from({ length: weight.length / row.length }, (_, out) =>
    row.reduce((sum, value, i) => sum + weight[out * row.length + i] * value, 0),
  )

/** Each pair (2i, 2i + 1) as a complex number, times e^(i·position·10000^(-2i/headDim)). */
const turn = (head: readonly number[], position: number): number[] =>
  head.flatMap((_, c) => {
    if (c % 2 === 1) return []
    const angle = position * 10000 ** (-c / head.length)
    const [re, im] = [head[c], head[c + 1]]
    return [re * Math.cos(angle) - im * Math.sin(angle), re * Math.sin(angle) + im * Math.cos(angle)]
  })

/** Rows of one sequence, [time][dim], through causal self-attention; with `rotary`, heads turned by their positions. */
export const referenceAttention = (
  rows: readonly (readonly number[])[],
  { wq, wk, wv, wo }: Weights,
  { heads, kvHeads, headDim }: Sizes,
  rotary: boolean,
): number[][] => {
  const headOf = (row: readonly number[], head: number) => row.slice(head * headDim, (head + 1) * headDim)
  const place = (head: number[], t: number) => (rotary ? turn(head, t) : head)
  const [q, k, v] = [wq, wk, wv].map(weight => rows.map(row => times(weight, row)))
  return rows.map((_, t) => {
    const mixed = Array.from({ length: heads }, (_, head) => {
      const kvHead = Math.floor(head / (heads / kvHeads))
      const query = place(headOf(q[t], head), t)
      const scores = rows.slice(0, t + 1).map((_, s) => {
        const key = place(headOf(k[s], kvHead), s)
        return key.reduce((sum, value, c) => sum + value * query[c], 0) / Math.sqrt(headDim)
      })
      const weights = scores.map(score => Math.exp(score))
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      return Array.from({ length: headDim }, (_, c) =>
        weights.reduce((sum, weight, s) => sum + (weight / total) * headOf(v[s], kvHead)[c], 0),
      )
    })
    return times(wo, mixed.flat())
  })
}
