import { expect, test } from 'vitest'
import { mean } from './mean'

test('the mean of some numbers', () => {
  expect(mean([1, 2, 6])).toBe(3)
})

test('no numbers have no mean', () => {
  expect(() => mean([])).toThrow(RangeError)
})
