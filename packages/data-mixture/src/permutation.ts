import { mix32 } from './hash'

const rounds = 8

/**
 * A random-looking permutation of 0 to size - 1 that needs no memory: a Feistel network over the next power of four, with cycle
 * walking (a result outside of the range is permuted again until it is inside; J. Black and P. Rogaway, "Ciphers with arbitrary
 * finite domains", 2002).
 *
 * @param size at most 2^52
 * @param key two 32-bit integers; another key gives another permutation
 * @returns the function from a position to its image
 */
export const permutation = (size: number, key: readonly [number, number]): ((position: number) => number) => {
  let bits = 1
  while (4 ** bits < size) bits++
  const half = 2 ** bits
  const mask = half - 1
  const keys = Array.from({ length: rounds }, (_, round) => mix32(key[round & 1] + Math.imul(round + 1, 0x9e3779b9)))
  const once = (value: number): number => {
    let right = value % half
    let left = (value - right) / half
    for (const key of keys) {
      const next = (left ^ mix32(right ^ key)) & mask
      left = right
      right = next
    }
    return left * half + right
  }
  return position => {
    let value = once(position)
    while (value >= size) value = once(value)
    return value
  }
}
