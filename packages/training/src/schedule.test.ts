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

test.each([
  [{ learningRate: -1, warmupSteps: 0, steps: 1 }, 'learningRate'],
  [{ learningRate: Number.NaN, warmupSteps: 0, steps: 1 }, 'learningRate'],
  [{ learningRate: 1, warmupSteps: 0.5, steps: 1 }, 'warmupSteps'],
  [{ learningRate: 1, warmupSteps: 0, steps: 0 }, 'steps'],
  [{ learningRate: 1, warmupSteps: 0, steps: 1, finalShare: 2 }, 'finalShare'],
])('%j is refused', (options, field) => {
  expect(() => warmupCosine(options)).toThrow(TrainingConfigError)
  expect(() => warmupCosine(options)).toThrow(field)
})
