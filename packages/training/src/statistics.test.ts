import { expect, test } from 'vitest'
import { deviation, interval95, mean, pairedDifference, studentQuantile } from './statistics'

// Quantiles as printed in tables of Student's t (two-sided, 95%).
test.each([
  [1, 12.706],
  [2, 4.303],
  [3, 3.182],
  [4, 2.776],
  [5, 2.571],
  [9, 2.262],
  [10, 2.228],
  [29, 2.045],
  [30, 2.042],
  [120, 1.98],
])('t of %i degrees of freedom is %f', (degrees, expected) => {
  expect(studentQuantile(degrees)).toBeCloseTo(expected, 3)
})

test('an interval of known numbers', () => {
  const values = [2, 4, 4, 4, 5, 5, 7, 9]
  expect(mean(values)).toBe(5)
  expect(deviation(values)).toBeCloseTo(2.13809, 5)
  expect(interval95(values)).toEqual({
    mean: 5,
    margin: expect.closeTo((2.364624 * 2.13809) / Math.sqrt(8), 4),
    count: 8,
  })
})

test('two values have an interval already, a wide one', () => {
  expect(interval95([1, 3])).toEqual({ mean: 2, margin: expect.closeTo(12.706, 3), count: 2 })
})

test('common noise of pairs cancels', () => {
  const { mean, margin } = pairedDifference([1.1, 5.1, 9.1], [1, 5, 9])
  expect(mean).toBeCloseTo(0.1, 12)
  expect(margin).toBeLessThan(1e-12)
})

test('one value has no interval', () => {
  expect(interval95([3])).toEqual({ mean: 3, margin: Infinity, count: 1 })
})
