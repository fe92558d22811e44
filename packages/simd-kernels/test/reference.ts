// The oracles: plain loops in float64, written from the formulas and from the format of GGUF, not from the kernels.

/** [m, k] · [k, n] as float64, given how to read an element of each side. */
export const product = (
  m: number,
  n: number,
  k: number,
  a: (row: number, i: number) => number,
  b: (i: number, column: number) => number,
): Float64Array => {
  const out = new Float64Array(m * n)
  for (let row = 0; row < m; row++)
    for (let column = 0; column < n; column++) {
      let sum = 0
      for (let i = 0; i < k; i++) sum += a(row, i) * b(i, column)
      out[row * n + column] = sum
    }
  return out
}

/** x [tokens, k] · wᵀ, w [n, k]. */
export const linear = (
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  tokens: number,
  n: number,
  k: number,
): Float64Array =>
  product(
    tokens,
    n,
    k,
    (row, i) => x[row * k + i],
    (i, column) => w[column * k + i],
  )

/** The rows that a query sees, first to last, both included. */
export type Ranges = readonly (readonly [first: number, last: number])[]

/** Weights of attention: for each query and head those of the rows that it sees. k is [S, kvHeads, headDim]. */
export const attentionWeights = (
  q: ArrayLike<number>,
  k: ArrayLike<number>,
  ranges: Ranges,
  { heads, kvHeads, headDim, scale }: { heads: number; kvHeads: number; headDim: number; scale: number },
): number[][] =>
  ranges.flatMap(([first, last], n) =>
    Array.from({ length: heads }, (_, head) => {
      const at = (n * heads + head) * headDim
      const kvHead = Math.floor(head / (heads / kvHeads))
      const scores = Array.from({ length: Math.max(0, last - first + 1) }, (_, row) => {
        let sum = 0
        for (let c = 0; c < headDim; c++) sum += q[at + c] * k[((first + row) * kvHeads + kvHead) * headDim + c]
        return sum * scale
      })
      return scores.length ? softmax(scores) : []
    }),
  )

/** Attention over ranges; k, v are [S, kvHeads, headDim]. */
export const attention = (
  q: ArrayLike<number>,
  k: ArrayLike<number>,
  v: ArrayLike<number>,
  ranges: Ranges,
  size: { heads: number; kvHeads: number; headDim: number; scale: number },
): Float64Array => {
  const { heads, kvHeads, headDim } = size
  const out = new Float64Array(ranges.length * heads * headDim)
  attentionWeights(q, k, ranges, size).forEach((weights, index) => {
    const kvHead = Math.floor((index % heads) / (heads / kvHeads))
    const [first] = ranges[Math.floor(index / heads)]
    weights.forEach((weight, row) => {
      for (let c = 0; c < headDim; c++)
        out[index * headDim + c] += weight * v[((first + row) * kvHeads + kvHead) * headDim + c]
    })
  })
  return out
}

export const softmax = (x: readonly number[]): number[] => {
  const top = x.reduce((a, b) => Math.max(a, b))
  const powers = x.map(value => Math.exp(value - top))
  const total = powers.reduce((a, b) => a + b)
  return powers.map(power => power / total)
}

/** The greatest |found - expected|, relative to the greatest |expected|. */
export const error = (found: ArrayLike<number>, expected: ArrayLike<number>): number => {
  let worst = 0
  let scale = 0
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(found[i] - expected[i])
    worst = Math.max(worst, difference) // NaN, if there is one
    scale = Math.max(scale, Math.abs(expected[i]))
  }
  return worst / (scale || 1)
}

/** The first index at which |found - expected| is more than the bound there, or NaN; -1 if there is none. */
export const beyond = (found: Float32Array, expected: ArrayLike<number>, bound: ArrayLike<number>): number =>
  found.findIndex((value, i) => !(Math.abs(value - expected[i]) <= bound[i]))

/** The greatest magnitude. */
export const greatest = (x: Float32Array): number => x.reduce((top, value) => Math.max(top, Math.abs(value)), 0)

/** x rounded to integers up to `most` in blocks, in the f32 arithmetic that the kernels use. */
export const quantised = (x: Float32Array, most: number, size: number): Float64Array => {
  const out = new Float64Array(x.length)
  for (let block = 0; block < x.length; block += size) {
    const top = greatest(x.subarray(block, block + size))
    const factor = Math.fround(most / top)
    for (let i = block; i < block + size; i++)
      out[i] = roundToEven(Math.fround(x[i] * factor)) * Math.fround(top / most)
  }
  return out
}

const roundToEven = (x: number): number => {
  const floor = Math.floor(x)
  if (x - floor !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}
