import { RotaryEmbedding } from '@cria/layers'
import { xorshift } from '@cria/sampling'

/** Rotates the pairs of a vector by a position, in float64. */
const turn = (vector: readonly number[], position: number, frequencies: Float64Array): number[] =>
  vector.map((value, i) => {
    const angle = position * frequencies[i >> 1]
    const other = i % 2 === 0 ? -vector[i + 1] : vector[i - 1]
    return value * Math.cos(angle) + other * Math.sin(angle)
  })

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * b[i], 0)

/** Standard normal values from a seed. */
const normals = (seed: number, count: number): number[] => {
  const random = xorshift(seed)
  return Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()))
}

/**
 * How much the score of a query and a key changes when both move by the same number of positions: the largest change over many random
 * pairs and moves, relative to the norms. In float64 it is only rounding error.
 */
export const relativeChange = (headDim: number, pairs = 200): number => {
  const frequencies = new RotaryEmbedding(headDim).frequencies(0)
  let largest = 0
  for (let i = 0; i < pairs; i++) {
    const [q, k] = [normals(2 * i + 1, headDim), normals(2 * i + 2, headDim)]
    const [m, n, moved] = [17 * i, 5 * i, 1 + 37 * i]
    const scores = [0, moved].map(by => dot(turn(q, m + by, frequencies), turn(k, n + by, frequencies)))
    largest = Math.max(largest, Math.abs(scores[0] - scores[1]) / Math.sqrt(dot(q, q) * dot(k, k)))
  }
  return largest
}

/**
 * The bound of Su et al. (2021, equation 37) on the score of a query and a key at each distance, relative to that at distance 0: the
 * mean length of the partial sums of e^(i·distance·θ). It falls with distance, though not at each step.
 */
export const decayBound = (headDim: number, distances: readonly number[]): number[] => {
  const frequencies = new RotaryEmbedding(headDim).frequencies(0)
  const boundAt = (distance: number) => {
    let [real, imaginary, sum] = [0, 0, 0]
    for (const frequency of frequencies) {
      real += Math.cos(distance * frequency)
      imaginary += Math.sin(distance * frequency)
      sum += Math.hypot(real, imaginary)
    }
    return sum / frequencies.length
  }
  const first = boundAt(0)
  return distances.map(distance => boundAt(distance) / first)
}

/** The mean score of two equal vectors, as query and key, at each distance, relative to distance 0. */
export const meanScore = (headDim: number, distances: readonly number[]): number[] => {
  const frequencies = [...new RotaryEmbedding(headDim).frequencies(0)]
  return distances.map(
    distance => frequencies.reduce((sum, frequency) => sum + Math.cos(distance * frequency), 0) / frequencies.length,
  )
}
