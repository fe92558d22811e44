import { expect, test } from 'vitest'
import { MixtureConfigError } from './errors'
import { llamaMixture } from './llama'
import { planMixture } from './plan'

test("the epochs of LLaMA's table, to two decimals", () => {
  const plan = planMixture(llamaMixture, 1.4e12)
  expect(Object.fromEntries(plan.sources.map(({ name, epochs }) => [name, epochs.toFixed(2)]))).toEqual({
    CommonCrawl: '1.10',
    C4: '1.06',
    GitHub: '0.64',
    Wikipedia: '2.45',
    Books: '2.23',
    ArXiv: '1.06',
    StackExchange: '1.03',
  })
  expect(plan.cycle).toBe(200)
  expect(plan.mostTokens).toBe(Number.POSITIVE_INFINITY)
  expect(plan.sources.map(({ problem }) => problem)).toEqual(llamaMixture.map(() => undefined))
})

test('what cannot be met says what would help', () => {
  const sources = [
    { name: 'web', share: 0.75, uniqueTokens: 3000 },
    { name: 'books', share: 0.25, uniqueTokens: 100, maxEpochs: 4 },
  ]
  const { sources: plans, mostTokens } = planMixture(sources, 4000)
  expect(plans[0].problem).toBeUndefined()
  expect(plans[1]).toMatchObject({ tokens: 1000, epochs: 10 })
  expect(plans[1].problem).toBe('10.00 epochs are more than 4: add 150 tokens to it, or lower its share to 0.1')
  expect(mostTokens).toBe(1600)
  expect(planMixture(sources, mostTokens).sources[1].problem).toBeUndefined()
  const more = [sources[0], { ...sources[1], uniqueTokens: 250 }]
  expect(planMixture(more, 4000).sources[1].problem).toBeUndefined()
})

test.each([
  [[{ name: 'a', share: 1, uniqueTokens: 10 }], 0, 'totalTokens: 0'],
  [[{ name: 'a', share: 1, uniqueTokens: 0 }], 10, 'sources[0].uniqueTokens: 0'],
  [[{ name: 'a', share: 1, uniqueTokens: 10, maxEpochs: 0 }], 10, 'sources[0].maxEpochs: 0'],
  [[{ name: 'a', share: 0.9, uniqueTokens: 10 }], 10, 'shares sum to 0.9'],
])('%j of %i tokens is refused', (sources, total, message) => {
  expect(() => planMixture(sources, total)).toThrow(MixtureConfigError)
  expect(() => planMixture(sources, total)).toThrow(message)
})
