import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createMixture,
  type Mixture,
  MixtureConfigError,
  MixtureStateError,
  memoryTokens,
  type Row,
  SourceSizeError,
  type TokenStore,
  VocabularyError,
} from '../src'

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 31)

/** Documents of these lengths; a token's id is its place in the source, so that a row tells where it comes from. */
const counting = (lengths: readonly number[]): TokenStore => {
  const ends: number[] = []
  for (const length of lengths) ends.push((ends.at(-1) ?? 0) + length)
  const tokens = ends.at(-1) ?? 0
  return memoryTokens(
    Int32Array.from({ length: tokens }, (_, i) => i),
    { vocabSize: 2 ** 31, documentEnds: ends },
  )
}

const take = async (mixture: Mixture, options: Parameters<Mixture['rows']>[0]): Promise<Row[]> => {
  const rows: Row[] = []
  for await (const row of mixture.rows(options)) rows.push(row)
  return rows
}

/** Mixtures of one to five sources, each of a few to some dozen rows. */
const mixtures = fc
  .record({
    rowTokens: fc.integer({ min: 1, max: 9 }),
    seed: fc.nat(),
    sources: fc.array(
      fc.record({
        part: fc.integer({ min: 1, max: 20 }),
        lengths: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 12 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  })
  .map(({ rowTokens, seed, sources }) => {
    const parts = sources.reduce((sum, { part }) => sum + part, 0)
    const given = sources.map(({ part, lengths }, i) => {
      return { name: `source ${i}`, share: part / parts, lengths: [...lengths, rowTokens + 1] }
    })
    const create = () =>
      createMixture(
        given.map(({ name, share, lengths }) => ({ name, share, tokens: counting(lengths) })),
        { rowTokens, seed },
      )
    return { create, given, rowTokens }
  })

describe(`a mixture, seed ${seed}`, () => {
  test('rows hold the tokens and the document starts of their source, from its end on to its start', async () => {
    await fc.assert(
      fc.asyncProperty(mixtures, async ({ create, given, rowTokens }) => {
        for (const { source, start, ids, documents } of await take(create(), { count: 60 })) {
          const { lengths } = given[source]
          const tokens = lengths.reduce((a, b) => a + b)
          expect(Array.from(ids)).toEqual(Array.from({ length: rowTokens + 1 }, (_, i) => (start + i) % tokens))
          const starts = new Set<number>()
          for (let i = 0, at = 0; i < lengths.length; at += lengths[i++]) starts.add(at)
          const expected = Array.from(ids.keys()).filter(i => i === 0 || starts.has(ids[i]))
          expect(Array.from(documents)).toEqual(expected)
        }
      }),
      { seed, numRuns: 100 },
    )
  })

  test('in each epoch of a source every token is a target once, except fewer tokens than a row has', async () => {
    await fc.assert(
      fc.asyncProperty(mixtures, async ({ create, rowTokens }) => {
        const mixture = create()
        const most = Math.max(...mixture.sources.map(({ rows, share }) => (2 * rows) / share))
        const targets = new Map<string, number[]>()
        for (const { source, epoch, ids } of await take(mixture, { count: Math.ceil(most) + mixture.cycle })) {
          const key = `${source} ${epoch}`
          targets.set(key, [...(targets.get(key) ?? []), ...ids.subarray(1)])
        }
        for (const [i, { tokens, rows }] of mixture.sources.entries()) {
          for (const epoch of [0, 1]) {
            const seen = targets.get(`${i} ${epoch}`) as number[]
            expect(new Set(seen).size).toBe(seen.length)
            expect(seen.length).toBe(rows * rowTokens)
            expect(tokens - seen.length).toBeLessThan(rowTokens)
          }
        }
      }),
      { seed, numRuns: 30 },
    )
  })

  test('readers that take every k-th row get the rows that one reader gets', async () => {
    await fc.assert(
      fc.asyncProperty(mixtures, fc.integer({ min: 2, max: 5 }), fc.nat(1000), async ({ create }, k, from) => {
        const one = await take(create(), { from, count: 20 * k })
        const readers = await Promise.all(
          Array.from({ length: k }, (_, i) => take(create(), { from: from + i, stride: k, count: 20 })),
        )
        expect(one.map((_, i) => readers[i % k][Math.floor(i / k)])).toEqual(one)
      }),
      { seed, numRuns: 40 },
    )
  })

  test('no source is a whole row away from its share, and use() counts the tokens of the rows', async () => {
    await fc.assert(
      fc.asyncProperty(mixtures, async ({ create, rowTokens }) => {
        const mixture = create()
        const had = mixture.sources.map(() => 0)
        for (let n = 0; n < 200; n++) {
          had[mixture.place(n).source]++
          const use = mixture.use(n + 1)
          expect(use.map(({ rows }) => rows)).toEqual(had)
          for (const [i, { share, rows }] of mixture.sources.entries()) {
            expect(Math.abs(had[i] - share * (n + 1))).toBeLessThan(1)
            expect(use[i].tokens).toBe(had[i] * rowTokens)
            expect(use[i].epochs).toBe(had[i] / rows)
          }
        }
      }),
      { seed, numRuns: 40 },
    )
  })

  test('a run that resumes gets the same next 1,000 rows, across the ends of epochs', async () => {
    await fc.assert(
      fc.asyncProperty(mixtures, fc.nat(500), async ({ create }, at) => {
        const uninterrupted = (await take(create(), { count: at + 1000 })).slice(at)
        const saved = JSON.parse(JSON.stringify(create().state(at)))
        const mixture = create()
        const resumed = await take(mixture, { from: mixture.resume(saved), count: 1000 })
        expect(resumed).toEqual(uninterrupted)
        expect(Math.max(...resumed.map(({ epoch }) => epoch))).toBeGreaterThan(resumed[0].epoch)
      }),
      { seed, numRuns: 10 },
    )
  })
})

const lengths = [40, 300, 7, 153]
const two = (options: { rowTokens?: number; seed?: number } = {}, share = 0.7, other = counting([100, 30])) =>
  createMixture(
    [
      { name: 'a', share, tokens: counting(lengths) },
      { name: 'b', share: 1 - share, tokens: other },
    ],
    { rowTokens: 10, ...options },
  )

test('each epoch, source and seed has its own order', async () => {
  const order = async (mixture: Mixture, source: number, epoch: number) => {
    const rows = await take(mixture, { count: 300 })
    const found = rows.filter(row => row.source === source && row.epoch === epoch).map(({ start }) => start)
    expect(found.length).toBeGreaterThanOrEqual(13)
    return found
  }
  const orders = [
    await order(two(), 0, 0),
    await order(two(), 0, 1),
    await order(two({ seed: 1 }), 0, 0),
    await order(two({ seed: 2 ** 32 }), 0, 0),
    await order(two({}, 0.7, counting(lengths)), 1, 0),
  ].map(order => order.slice(0, 13).join(' '))
  expect(new Set(orders).size).toBe(orders.length)
  // Rows are also cut at different places.
  const residues = async (epoch: number) => new Set((await order(two(), 0, epoch)).map(start => start % 10))
  expect([...(await residues(0))]).not.toEqual([...(await residues(1))])
})

test('a source that has the name, the seed and the tokens keeps its order in another mixture', () => {
  const starts = (mixture: Mixture, source: number) =>
    Array.from({ length: 400 }, (_, n) => mixture.place(n))
      .filter(place => place.source === source && place.epoch === 0)
      .map(({ start }) => start)
  const alone = createMixture([{ name: 'a', share: 1, tokens: counting(lengths) }], { rowTokens: 10 })
  expect(starts(two(), 0)).toEqual(starts(alone, 0))
})

test('a row far along comes as fast as the first', () => {
  const mixture = two()
  const { source, epoch } = mixture.place(9_000_000_000_000_000)
  expect(epoch).toBe(Math.floor((9e15 * [0.7, 0.3][source]) / [50, 13][source]))
})

test('validation rows and documents are read from the store', async () => {
  const store = counting([3, 4, 5])
  expect(Array.from(await store.document(1))).toEqual([3, 4, 5, 6])
  expect(await store.documentStarts(0, 12)).toEqual([0, 3, 7])
  expect(await store.documentStarts(1, 7)).toEqual([3])
  expect(await store.documentStarts(3, 3)).toEqual([])
  await expect(store.read(0, 13)).rejects.toThrow(RangeError)
  await expect(store.document(3)).rejects.toThrow('document 3: expected a whole number below 3')
})

describe('another mixture refuses a saved state', () => {
  const state = two().state(7)
  test.each<[string, Mixture, string]>([
    ['another seed', two({ seed: 3 }), 'seed was 0 and is 3'],
    ['another length of rows', two({ rowTokens: 11 }), 'rowTokens was 10 and is 11'],
    ['other shares', two({}, 0.6), 'the share of a was 0.7 and is 0.6; the share of b was 0.3 and is 0.4'],
    ['more tokens', two({}, 0.7, counting([100, 31])), 'b had 130 tokens and has 131'],
    ['other documents', two({}, 0.7, counting([99, 31])), 'b has other tokens'],
    [
      'other sources',
      createMixture([{ name: 'c', share: 1, tokens: counting([30]) }], { rowTokens: 10 }),
      'sources were a, b and are c',
    ],
  ])('%s', (_, mixture, message) => {
    expect(() => mixture.resume(state)).toThrow(MixtureStateError)
    expect(() => mixture.resume(state)).toThrow(message)
  })

  test.each([
    null,
    3,
    {},
    { ...state, version: 2 },
    { ...state, row: -1 },
    { ...state, sources: 'ab' },
    { ...state, sources: [null, null] },
  ])('%j is not a state', value => {
    expect(() => two().resume(value as typeof state)).toThrow(MixtureStateError)
  })
})

describe('bad input', () => {
  test.each<[string, () => unknown, new (...args: never[]) => Error, string]>([
    ['no tokens in a row', () => two({ rowTokens: 0 }), MixtureConfigError, 'rowTokens: 0: expected'],
    ['half a token', () => two({ rowTokens: 1.5 }), MixtureConfigError, 'rowTokens: 1.5: expected'],
    ['a negative seed', () => two({ seed: -1 }), MixtureConfigError, 'seed: -1: expected'],
    ['a share above one', () => two({}, 1.5), MixtureConfigError, 'sources[0].share: 1.5 for a'],
    ['an empty source', () => two({}, 0.5, counting([])), SourceSizeError, 'source "b": it has no tokens'],
    [
      'a source shorter than a row',
      () => two({}, 0.5, counting([10])),
      SourceSizeError,
      'source "b": it has 10 tokens, fewer than the 11 of a row: add documents, or lower rowTokens',
    ],
    [
      'a name twice',
      () =>
        createMixture(
          [...'aa'].map(name => ({ name, share: 0.5, tokens: counting([9]) })),
          { rowTokens: 4 },
        ),
      MixtureConfigError,
      'a is named twice',
    ],
    [
      'an id outside the vocabulary',
      () => memoryTokens([1, 2, 300], { vocabSize: 300, documentEnds: [3] }),
      VocabularyError,
      'token 2: token id 300 is outside the vocabulary of 300',
    ],
    ['a negative id', () => memoryTokens([-1], { vocabSize: 9, documentEnds: [1] }), VocabularyError, 'token id -1'],
    [
      'ends that fall',
      () => memoryTokens([1, 2], { vocabSize: 9, documentEnds: [2, 1] }),
      RangeError,
      'documentEnds[1]',
    ],
    ['ends too soon', () => memoryTokens([1, 2], { vocabSize: 9, documentEnds: [1] }), RangeError, 'ends at 1'],
    ['a row before the first', () => two().place(-1), RangeError, 'row is -1'],
  ])('%s', (_, act, type, message) => {
    expect(act).toThrow(type)
    expect(act).toThrow(message)
  })

  test('a row that is not a whole number', async () => {
    await expect(two().row(0.5)).rejects.toThrow('row is 0.5: expected a whole number')
    await expect(take(two(), { stride: 0 })).rejects.toThrow('stride is 0')
    await expect(take(two(), { count: -1 })).rejects.toThrow('count is -1')
  })
})
