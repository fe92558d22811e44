import { describe, expect, test } from 'vitest'
import { measure } from '../src/measure'
import { interleave } from '../src/rounds'
import { ratios, summarize } from '../src/statistics'

describe('summarize', () => {
  test('gives the middle value, whatever the order', () => {
    expect(summarize([3, 100, 1])).toEqual({ median: 3, min: 1, max: 100 })
  })

  test('gives the mean of the two in the middle of an even count', () => {
    expect(summarize([4, 1, 10, 2])).toEqual({ median: 3, min: 1, max: 10 })
  })

  test('leaves the values as they were', () => {
    const values = [2, 1]
    expect(measure('s', values)).toEqual({ unit: 's', median: 1.5, min: 1, max: 2, samples: [2, 1] })
    expect(values).toEqual([2, 1])
  })

  test.each([[[]], [[1, Number.NaN]]])('refuses %j', values => {
    expect(() => summarize(values)).toThrow(RangeError)
  })
})

describe('ratios', () => {
  test('divides pair by pair, so that a slow round on both sides cancels', () => {
    expect(ratios([10, 5], [20, 10])).toEqual([0.5, 0.5])
  })

  test('refuses values without a partner', () => {
    expect(() => ratios([1, 2], [1])).toThrow('found 2 values and 1')
  })
})

describe('interleave', () => {
  const recorded = (log: string[], name: string) => ({
    run: async () => {
      log.push(name)
      return { turn: log.length }
    },
  })

  test('runs A B A B, and does not count the first round', async () => {
    const log: string[] = []
    const samples = await interleave([recorded(log, 'A'), recorded(log, 'B')], 2)
    expect(log.join('')).toBe('ABABAB')
    expect(samples).toEqual([
      [{ turn: 3 }, { turn: 5 }],
      [{ turn: 4 }, { turn: 6 }],
    ])
  })
})
