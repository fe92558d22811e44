import { describe, expect, test } from 'vitest'
import { argMax, draw, logSumExp, partition } from './distribution'
import { LogitsError } from './errors'
import { xorshift } from './random'

const logits = (...values: number[]) => Float32Array.from(values)

describe('argMax', () => {
  test('is the lowest id of the greatest logit', () => {
    expect(argMax(logits(-2, 5, 5, 1))).toBe(1)
    expect(argMax(logits(-Infinity, -Infinity, -1e30))).toBe(2)
  })

  test.each([
    ['NaN', logits(1, NaN), 'the logit of id 1 is NaN'],
    ['NaN first', logits(NaN, 1), 'the logit of id 0 is NaN'],
    ['Infinity', logits(1, 2, Infinity), 'the logit of id 2 is Infinity'],
    ['nothing but -Infinity', logits(-Infinity, -Infinity), 'all logits are -Infinity'],
  ])('refuses %s', (_, broken, message) => {
    expect(() => argMax(broken)).toThrow(LogitsError)
    expect(() => argMax(broken)).toThrow(message)
  })
})

describe('draw', () => {
  test('walks the cumulative distribution in order of id', () => {
    const quarters = logits(0, 0, -Infinity, 0, 0)
    expect([0, 0.2499, 0.25, 0.4999, 0.5, 0.75, 0.9999].map(u => draw(quarters, () => u))).toEqual([
      0, 0, 1, 1, 3, 4, 4,
    ])
  })

  test('never draws a token of probability 0, even at either end', () => {
    const ends = logits(-Infinity, 3, -Infinity)
    expect([0, 1 - 2 ** -24].map(u => draw(ends, () => u))).toEqual([1, 1])
  })

  test('is right for logits whose exponentials overflow or vanish', () => {
    const shifted = logits(3e38, 3e38, -3e38)
    expect([0.1, 0.6].map(u => draw(shifted, () => u))).toEqual([0, 1])
    const low = logits(-3e38, -2e38, -2e38)
    expect([0.1, 0.6].map(u => draw(low, () => u))).toEqual([1, 2])
  })

  test('draws each token as often as its probability says (chi-square)', () => {
    const some = Float32Array.from({ length: 20 }, (_, id) => Math.sin(id * 7) * 2)
    const total = [...some].reduce((sum, logit) => sum + Math.exp(logit), 0)
    const random = xorshift(11)
    const draws = 40_000
    const seen = new Float64Array(some.length)
    for (let i = 0; i < draws; i++) seen[draw(some, random)]++
    const chiSquare = seen.reduce((sum, count, id) => {
      const expected = (draws * Math.exp(some[id])) / total
      return sum + (count - expected) ** 2 / expected
    }, 0)
    expect(chiSquare).toBeLessThan(54) // 19 degrees of freedom: exceeded once in 30,000
  })
})

test('partition is the sum of exponentials, the greatest shifted to 1', () => {
  expect(partition(logits(1, 2, 3), 3)).toBeCloseTo(1 + Math.exp(-1) + Math.exp(-2), 12)
})

test('logSumExp is right also where the exponentials overflow or vanish', () => {
  expect(logSumExp(logits(1, 2, 3))).toBeCloseTo(Math.log(Math.exp(1) + Math.exp(2) + Math.exp(3)), 12)
  expect(logSumExp(logits(2e5, 2e5))).toBeCloseTo(2e5 + Math.LN2, 9)
  expect(logSumExp(logits(-2e5, -Infinity))).toBe(-2e5)
  expect(() => logSumExp(logits(NaN))).toThrow(LogitsError)
})
