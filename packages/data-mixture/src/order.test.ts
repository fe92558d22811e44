import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MixtureConfigError } from './errors'
import { llamaMixture } from './llama'
import { BlendOrder } from './order'
import { maxParts, partsOf } from './shares'

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 31)

/** Parts of up to 12 sources. */
const parts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 }).map(parts => ({
  parts,
  total: parts.reduce((a, b) => a + b),
}))

/** The most that any source is off its share of the first n rows, for any n up to `rows`, counted row by row. */
const worstDeviation = (order: BlendOrder, rows: number) => {
  const had = order.parts.map(() => 0)
  let worst = 0
  for (let n = 1; n <= rows; n++) {
    had[order.place(n - 1).source]++
    for (const [i, part] of order.parts.entries()) {
      worst = Math.max(worst, Math.abs(had[i] * order.total - n * part) / order.total)
    }
  }
  return worst
}

describe(`the order of the sources, seed ${seed}`, () => {
  test('no source is ever a row off its share: 1 - 1/(2k - 2) at most', () => {
    fc.assert(
      fc.property(parts, parts => {
        const k = parts.parts.length
        const bound = k === 1 ? 0 : 1 - 1 / (2 * k - 2)
        expect(worstDeviation(new BlendOrder(parts), 2 * parts.total + 3)).toBeLessThanOrEqual(bound + 1e-12)
      }),
      { seed, numRuns: 300 },
    )
  })

  test("LLaMA's shares are parts of 200, and keep the bound, which the usual order does not", () => {
    const shares = llamaMixture.map(({ share }) => share)
    const order = new BlendOrder(
      partsOf(
        shares,
        llamaMixture.map(({ name }) => name),
      ),
    )
    expect([order.total, order.parts]).toEqual([200, [134, 30, 9, 9, 9, 5, 4]])
    expect(worstDeviation(order, 600)).toBeLessThan(1)

    // The usual order: the source that is furthest behind after the rows before gets the next one.
    const had = shares.map(() => 0)
    let worst = 0
    for (let n = 1; n <= 200; n++) {
      const deficits = shares.map((share, i) => share * Math.max(n - 1, 1) - had[i])
      had[deficits.indexOf(Math.max(...deficits))]++
      worst = Math.max(worst, ...shares.map((share, i) => Math.abs(share * n - had[i])))
    }
    expect(worst).toBeGreaterThan(1)
  })

  test('ordinals count a source, also far from the start, and counts agree with them', () => {
    fc.assert(
      fc.property(parts, fc.integer({ min: 0, max: 2 ** 40 }), (parts, cycles) => {
        const order = new BlendOrder(parts)
        const from = cycles * parts.total
        const next = parts.parts.map((_, i) => order.count(i, from))
        expect(next).toEqual(parts.parts.map(part => part * cycles))
        for (let n = from; n < from + parts.total; n++) {
          const { source, ordinal } = order.place(n)
          expect(ordinal).toBe(next[source]++)
          expect(order.count(source, n + 1)).toBe(next[source])
        }
      }),
      { seed, numRuns: 50 },
    )
  })
})

describe('shares as whole parts', () => {
  const names = ['a', 'b', 'c']
  test.each([
    [[1], 1, [1]],
    [[0.5, 0.5], 2, [1, 1]],
    [[1 / 3, 1 / 3, 1 / 3], 3, [1, 1, 1]],
    [[0.1, 0.2, 0.7], 10, [1, 2, 7]],
    [[0.99999, 0.00001], 100_000, [99_999, 1]],
  ])('%j are parts of %i', (shares, total, parts) => {
    expect(partsOf(shares, names)).toEqual({ total, parts })
  })

  test('shares of no such total are rounded to parts of 100,000 by largest remainder', () => {
    const shares = [Math.E / 10, Math.PI / 10, 1 - (Math.E + Math.PI) / 10]
    expect(partsOf(shares, names)).toEqual({ total: maxParts, parts: [27_183, 31_416, 41_401] })
  })

  test.each<[string, number[], string]>([
    ['no source', [], 'sources: is empty'],
    ['too little', [0.5, 0.4], 'shares sum to 0.9, not to 1: change a 0.5, b 0.4'],
    ['too much', [0.5, 0.5, 0.1], 'shares sum to 1.1, not to 1'],
    ['a share of nothing', [1, 0], 'sources[1].share: 0 for b: expected a number in (0, 1]'],
    ['no number', [Number.NaN, 1], 'sources[0].share: NaN for a'],
    ['a share that rounds to nothing', [0.999999, 0.000001], 'less than one row in 100000'],
  ])('%s', (_, shares, message) => {
    expect(() => partsOf(shares, names)).toThrow(MixtureConfigError)
    expect(() => partsOf(shares, names)).toThrow(message)
  })
})
