import { expect, test } from 'vitest'
import fixture from '../test/fixtures/pytorch.json'
import { TrainingConfigError, warmupCosine } from '.'

test('rates are those that the PyTorch referee trained with', () => {
  const rate = warmupCosine(fixture.schedule)
  for (const [i, expected] of fixture.learningRates.entries()) expect(rate(i + 1)).toBeCloseTo(expected, 12)
})

test('the peak is reached at the end of warm-up, and the final share at the last step', () => {
  const rate = warmupCosine({ learningRate: 3e-4, warmupSteps: 2000, steps: 10_000 })
  expect(rate(1)).toBeCloseTo(3e-4 / 2000, 12)
  expect(rate(2000)).toBe(3e-4)
  expect(rate(10_000)).toBeCloseTo(3e-5, 12)
})

test('a run without warm-up, and one that is all warm-up', () => {
  expect(warmupCosine({ learningRate: 1, warmupSteps: 0, steps: 1 })(1)).toBeCloseTo(0.1, 12)
  const rising = warmupCosine({ learningRate: 1, warmupSteps: 4, steps: 4 })
  expect([1, 2, 3, 4].map(rising)).toEqual([0.25, 0.5, 0.75, 1])
})

test('a step after the last keeps the final share', () => {
  const rate = warmupCosine({ learningRate: 1, warmupSteps: 1, steps: 4, finalShare: 0.25 })
  expect([4, 5, 100].map(rate)).toEqual([0.25, 0.25, 0.25])
})

test('the ends of each range are accepted', () => {
  expect(warmupCosine({ learningRate: 0, warmupSteps: 0, steps: 1, finalShare: 0 })(1)).toBe(0)
  expect(warmupCosine({ learningRate: 1, warmupSteps: 0, steps: 1, finalShare: 1 })(1)).toBe(1)
})

test.each([
  [{ learningRate: -1 }, 'learningRate: is -1, expected a number of at least 0'],
  [{ learningRate: Number.NaN }, 'learningRate: is NaN, expected a number of at least 0'],
  [{ learningRate: Infinity }, 'learningRate: is Infinity, expected a number of at least 0'],
  [{ warmupSteps: 0.5 }, 'warmupSteps: is 0.5, expected a whole number of at least 0'],
  [{ warmupSteps: -1 }, 'warmupSteps: is -1, expected a whole number of at least 0'],
  [{ steps: 0 }, 'steps: is 0, expected a whole number of at least 1'],
  [{ steps: 1.5 }, 'steps: is 1.5, expected a whole number of at least 1'],
  [{ finalShare: 2 }, 'finalShare: is 2, expected a number from 0 to 1'],
  [{ finalShare: -0.1 }, 'finalShare: is -0.1, expected a number from 0 to 1'],
])('%j is refused', (wrong, message) => {
  const options = { learningRate: 1, warmupSteps: 0, steps: 1, ...wrong }
  expect(() => warmupCosine(options)).toThrow(TrainingConfigError)
  expect(() => warmupCosine(options)).toThrow(message)
})
