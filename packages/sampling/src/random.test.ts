import { expect, test } from 'vitest'
import { answerSeed, freshSeed, randomStream, xorshift } from './random'

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

test('answers to one seed begin independently of each other', () => {
  const bins = new Float64Array(16)
  const pairs = new Float64Array(16)
  for (let seed = 0; seed < 400; seed++) {
    const first = Array.from({ length: 8 }, (_, answer) => xorshift(answerSeed(seed, answer))())
    for (const [i, number] of first.entries()) if (i > 0) bins[Math.floor(number * 16)]++
    for (let i = 1; i < 7; i++) pairs[Math.floor(((((first[i + 1] - first[i]) % 1) + 1) % 1) * 16)]++
  }
  const chiSquare = (seen: Float64Array, expected: number) =>
    seen.reduce((sum, each) => sum + (each - expected) ** 2 / expected, 0)
  expect(chiSquare(bins, (400 * 7) / 16)).toBeLessThan(45) // 15 degrees of freedom: exceeded once in 13,000
  expect(chiSquare(pairs, (400 * 6) / 16)).toBeLessThan(45)
})

test('an answer’s seed is a valid one, the first the seed itself', () => {
  expect(answerSeed(42, 0)).toBe(42)
  const seeds = [0, 42, Number.MAX_SAFE_INTEGER].flatMap(seed => [1, 2, 1_000].map(i => answerSeed(seed, i)))
  expect(seeds.every(Number.isSafeInteger)).toBe(true)
  expect(new Set(seeds).size).toBe(9)
  // SplitMix64's first outputs for the seed 0, by its definition in C, without their lowest 11 bits.
  const outputs = [0xe220a8397b1dcdafn, 0x6e789e6aa1b965f4n, 0x06c45d188009454fn]
  expect([1, 2, 3].map(i => answerSeed(0, i))).toEqual(outputs.map(output => Number(output >> 11n)))
})

test('a stream gives the same numbers, however far they were read ahead', () => {
  const stream = randomStream(xorshift(5))
  const plain = xorshift(5)
  const expected = Array.from({ length: 12 }, plain)
  const ahead = stream.ahead()
  expect([ahead(), ahead(), ahead()]).toEqual(expected.slice(0, 3))
  expect([stream.next(), stream.next()]).toEqual(expected.slice(0, 2))
  const again = stream.ahead()
  expect(Array.from({ length: 4 }, again)).toEqual(expected.slice(2, 6))
  expect(Array.from({ length: 10 }, stream.next)).toEqual(expected.slice(2))
})
