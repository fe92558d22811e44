// Gradients in float64, from the formulas.

import { attention, attentionWeights, type Ranges } from './reference'

type Numbers = ArrayLike<number>
type Size = { heads: number; kvHeads: number; headDim: number; scale: number }

/** The derivative of f at x in each direction, by central differences. */
export const derivatives = (f: (x: Float64Array) => number, x: Numbers, step = 1e-5): Float64Array => {
  const at = Float64Array.from(x)
  return at.map((value, i) => {
    at[i] = value + step
    const above = f(at)
    at[i] = value - step
    const below = f(at)
    at[i] = value
    return (above - below) / (2 * step)
  })
}

/** Σ dout · attention, whose derivatives are the gradients. */
export const attentionLoss = (q: Numbers, k: Numbers, v: Numbers, dout: Numbers, ranges: Ranges, size: Size): number =>
  attention(q, k, v, ranges, size).reduce((sum, value, i) => sum + value * dout[i], 0)

export const attentionBackward = (
  q: Numbers,
  k: Numbers,
  v: Numbers,
  dout: Numbers,
  ranges: Ranges,
  size: Size,
): { dq: Float64Array; dk: Float64Array; dv: Float64Array } => {
  const { heads, kvHeads, headDim, scale } = size
  const [dq, dk, dv] = [q, k, v].map(x => new Float64Array(x.length))
  attentionWeights(q, k, ranges, size).forEach((weights, index) => {
    const kvHead = Math.floor((index % heads) / (heads / kvHeads))
    const query = index * headDim
    const rowAt = (row: number) => ((ranges[Math.floor(index / heads)][0] + row) * kvHeads + kvHead) * headDim
    const dp = weights.map((_, row) => {
      let sum = 0
      for (let c = 0; c < headDim; c++) sum += dout[query + c] * v[rowAt(row) + c]
      return sum
    })
    const mean = weights.reduce((sum, weight, row) => sum + weight * dp[row], 0)
    weights.forEach((weight, row) => {
      const ds = weight * (dp[row] - mean) * scale
      for (let c = 0; c < headDim; c++) {
        dv[rowAt(row) + c] += weight * dout[query + c]
        dq[query + c] += ds * k[rowAt(row) + c]
        dk[rowAt(row) + c] += ds * q[query + c]
      }
    })
  })
  return { dq, dk, dv }
}
