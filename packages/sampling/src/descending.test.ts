import fc from 'fast-check'
import { expect, test } from 'vitest'
import { descending } from './descending'

// Few distinct values, so that ties are common.
const values = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(-Infinity), fc.float({ noNaN: true })))

test('gives what a stable sort gives, without -Infinity and what is under the floor', () => {
  fc.assert(
    fc.property(values, fc.constantFrom(-Infinity, -1, 0, 2.5), (numbers, floor) => {
      const array = Float32Array.from(numbers)
      const sorted = [...array.keys()]
        .filter(id => array[id] >= floor && array[id] !== -Infinity)
        .sort((a, b) => array[b] - array[a] || a - b)
      // Infinity minus Infinity is NaN, which `||` turns to the order of ids.
      expect([...descending(array, floor)]).toEqual(sorted)
    }),
    { numRuns: 1_000 },
  )
})
