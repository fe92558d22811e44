import fc from 'fast-check'
import { expect, test } from 'vitest'
import { permutation } from './permutation'

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 31)
const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })

test(`each position has an image of its own, seed ${seed}`, () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), word, word, (size, a, b) => {
      const permuted = permutation(size, [a, b])
      const images = Array.from({ length: size }, (_, i) => permuted(i)).sort((a, b) => a - b)
      expect(images).toEqual(Array.from({ length: size }, (_, i) => i))
    }),
    { seed, numRuns: 200 },
  )
})

test('images of a huge set lie inside it, and differ', () => {
  const size = 2 ** 52 - 12345
  const permuted = permutation(size, [1, 2])
  const images = Array.from({ length: 2000 }, (_, i) => permuted(i * 1e9))
  expect(images.every(image => Number.isSafeInteger(image) && image >= 0 && image < size)).toBe(true)
  expect(new Set(images).size).toBe(2000)
  expect(images.filter(image => image > size / 2).length / 2000).toBeCloseTo(0.5, 1)
})

test('over many keys, each position goes everywhere equally often', () => {
  const [size, keys] = [10, 20_000]
  const counts = Array.from({ length: size }, () => new Array<number>(size).fill(0))
  for (let key = 0; key < keys; key++) {
    const permuted = permutation(size, [key, ~key >>> 0])
    for (let i = 0; i < size; i++) counts[i][permuted(i)]++
  }
  // Each count is binomial with mean 2000 and deviation 42.
  for (const count of counts.flat()) expect(Math.abs(count - keys / size)).toBeLessThan(6 * 42)
})

test('another key gives another order', () => {
  const images = (a: number, b: number) => {
    const permuted = permutation(100, [a, b])
    return Array.from({ length: 100 }, (_, i) => permuted(i))
  }
  expect(images(1, 2)).not.toEqual(images(1, 3))
  expect(images(1, 2)).not.toEqual(images(2, 2))
  expect(images(1, 2)).toEqual(images(1, 2))
})
