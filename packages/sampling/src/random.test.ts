import { expect, test } from 'vitest'
import { freshSeed, xorshift } from './random'

// The first five numbers of xorshift64* by a C program on uint64_t; 0 stands for the seed 0x9e3779b97f4a7c15.
test.each<[number, number[]]>([
  [1, [4711630, 11259814, 12177677, 5092376, 942489]],
  [42, [5688906, 13124075, 13256299, 15838407, 12824397]],
  [133742, [11849731, 10446788, 9034627, 8935217, 5501730]],
  [Number.MAX_SAFE_INTEGER, [9568037, 10694528, 2155449, 8402438, 13075480]],
  [0, [885683, 5555276, 11027955, 8220171, 9492694]],
])('seed %i gives the numbers of the definition in C', (seed, expected) => {
  const random = xorshift(seed)
  expect(expected.map(() => random() * 2 ** 24)).toEqual(expected)
})

test('the numbers fill [0, 1) evenly, from neighbouring seeds too', () => {
  const bins = new Float64Array(64)
  for (let seed = 0; seed < 2_000; seed++) {
    const random = xorshift(seed)
    for (let i = 0; i < 32; i++) bins[Math.floor(random() * 64)]++
  }
  const chiSquare = bins.reduce((sum, seen) => sum + (seen - 1_000) ** 2 / 1_000, 0)
  expect(chiSquare).toBeLessThan(120) // 63 degrees of freedom: exceeded once in 60,000
})

test('a fresh seed is a valid seed, and another each time', () => {
  const seeds = Array.from({ length: 20 }, freshSeed)
  for (const seed of seeds) expect(Number.isSafeInteger(seed) && seed >= 0).toBe(true)
  expect(new Set(seeds).size).toBeGreaterThan(15)
})
