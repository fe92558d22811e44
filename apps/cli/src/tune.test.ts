import { expect, test } from 'vitest'
import { reasonOf } from './tune'

const choice = { call: 'linear', chosen: 'a', standard: 'a', microseconds: { a: 20, b: 19.4 }, wrong: [], kept: false }

test('why a default stays: how near the best other came', () => {
  expect(reasonOf(choice)).toBe('20.0 µs; the best other, "b", takes 97% of that, and 95% would do')
})

test('why another was chosen: its time beside that of the default', () => {
  expect(reasonOf({ ...choice, chosen: 'b', microseconds: { a: 20, b: 10 } })).toBe(
    '10.0 µs, 50% of the 20.0 µs of "a"',
  )
})

test('which variants gave other values', () => {
  expect(reasonOf({ ...choice, microseconds: { a: 20 }, wrong: ['b'] })).toBe(
    'the only one that is right; other values from b, which cannot be chosen',
  )
})
