import { expect, test } from 'vitest'
import { halvesRow, interleavedRow } from '../../src/checkpoint/rotary-rows'

test.each([2, 4, 8, 128])(
  'in heads of %i, one permutation is the inverse of the other, and stays in its head',
  size => {
    for (let row = 0; row < 3 * size; row++) {
      expect(halvesRow(interleavedRow(row, size), size)).toBe(row)
      expect(interleavedRow(halvesRow(row, size), size)).toBe(row)
      expect(Math.floor(interleavedRow(row, size) / size)).toBe(Math.floor(row / size))
    }
  },
)

test('the pair i, i + C/2 of halves is the pair 2i, 2i + 1 of Meta', () => {
  for (let i = 0; i < 4; i++) {
    expect(interleavedRow(8 + i, 8)).toBe(8 + 2 * i)
    expect(interleavedRow(8 + i + 4, 8)).toBe(8 + 2 * i + 1)
  }
})
