import { afterAll, describe, expect, test } from 'vitest'
import { type CacheType, cacheRowBytes, openSimd, type SimdEngine } from '../src'
import { engines, put, putIds, room, take } from './engines'
import { Random } from './random'
import * as reference from './reference'

const seed = Number(process.env.CRIA_SEED ?? Date.now() >>> 0)
const opened = await engines()
const two = await Promise.all(opened.map(({ build }) => openSimd({ threads: 2, relaxed: build === 'relaxed' })))
afterAll(() => Promise.all([...opened, ...two].map(engine => engine.close())))

type Heads = { heads: number; kvHeads: number; headDim: number }

const causal = (from: number, tokens: number): [number, number][] =>
  Array.from({ length: tokens }, (_, t) => [0, from + t])
const window = (width: number, from: number, tokens: number): [number, number][] =>
  Array.from({ length: tokens }, (_, t) => [Math.max(0, from + t + 1 - width), from + t])

/** A cache of `rows` rows of the type; returns its pointer and what it holds as f32. */
const cacheOf = (engine: SimdEngine, data: Float32Array, rows: number, dtype: CacheType) => {
  const width = data.length / rows
  const [target, back] = [engine.alloc(rows * cacheRowBytes(dtype, width)), room(engine, data.length)]
  const all = putIds(
    engine,
    Array.from({ length: rows }, (_, row) => row),
  )
  engine.writeRows(target, put(engine, data), all, { tokens: rows, width, dtype })
  engine.readRows(target, all, back, { tokens: rows, width, dtype })
  return { pointer: target, values: take(engine, back, data.length) }
}

interface Inputs {
  readonly q: Float32Array
  readonly k: Float32Array
  readonly v: Float32Array
  readonly ranges: reference.Ranges
  readonly heads: Heads
  readonly cache: CacheType
}

const attend = (engine: SimdEngine, { q, k, v, ranges, heads, cache }: Inputs, scale?: number) => {
  const rows = k.length / heads.kvHeads / heads.headDim
  const [keys, values] = [cacheOf(engine, k, rows, cache), cacheOf(engine, v, rows, cache)]
  const [first, last] = [0, 1].map(i =>
    putIds(
      engine,
      ranges.map(range => range[i]),
    ),
  )
  const out = room(engine, q.length)
  const options = { ...heads, tokens: ranges.length, cache, ...(scale === undefined ? {} : { scale }) }
  engine.attention(put(engine, q), keys.pointer, values.pointer, first, last, out, options)
  return { out: take(engine, out, q.length), k: keys.values, v: values.values }
}

const inputs = (random: Random, heads: Heads, ranges: reference.Ranges, cache: CacheType): Inputs => {
  const rows = Math.max(...ranges.map(([, last]) => last)) + 2
  const [q, k, v] = [ranges.length * heads.heads, rows * heads.kvHeads, rows * heads.kvHeads].map(n =>
    random.normal(n * heads.headDim, 2),
  )
  return { q, k, v, ranges, heads, cache }
}

const cases: [string, Heads, [number, number][]][] = [
  ['one row, one number', { heads: 1, kvHeads: 1, headDim: 1 }, [[0, 0]]],
  ['a token behind 200', { heads: 4, kvHeads: 2, headDim: 64 }, [[0, 200]]],
  ['a short prompt, heads of 8', { heads: 6, kvHeads: 3, headDim: 8 }, causal(0, 5)],
  ['tokens behind 63, heads of 20', { heads: 8, kvHeads: 1, headDim: 20 }, causal(63, 3)],
  ['a prompt behind 61, heads of 13', { heads: 2, kvHeads: 2, headDim: 13 }, causal(61, 70)],
  ['heads of 128', { heads: 2, kvHeads: 1, headDim: 128 }, causal(127, 2)],
  ['stretches of a prompt', { heads: 3, kvHeads: 1, headDim: 36 }, causal(500, 40)],
  ['stretches of one token', { heads: 2, kvHeads: 2, headDim: 48 }, [[3, 1100]]],
  ['a window of 3', { heads: 2, kvHeads: 1, headDim: 32 }, window(3, 0, 50)],
  ['a window of 300', { heads: 2, kvHeads: 2, headDim: 32 }, window(300, 250, 90)],
  [
    'documents, a gap, an empty range',
    { heads: 4, kvHeads: 2, headDim: 10 },
    [...causal(0, 7), [7, 7], [7, 8], [20, 90], [5, 4], [20, 91], [300, 301], [1, 260], [9, 9]],
  ],
  ['a group of 40', { heads: 40, kvHeads: 1, headDim: 4 }, causal(20, 3)],
]

describe.each(opened.map((engine, i) => ({ build: engine.build, engine, pair: two[i] })))(
  `$build build, seed ${seed}`,
  ({ engine, pair }) => {
    const random = new Random(seed)

    test.each(cases)('attention of %s', (_, heads, ranges) => {
      for (const cache of ['f32', 'f16'] as const) {
        const given = inputs(random, heads, ranges, cache)
        const { out, k, v } = attend(engine, given)
        const size = { ...heads, scale: 1 / Math.sqrt(heads.headDim) }
        expect(reference.error(out, reference.attention(given.q, k, v, ranges, size))).toBeLessThan(3e-6)
        expect(attend(pair, given).out).toEqual(out)
      }
    })

    test('attention over a q8_0 cache, with a given scale', () => {
      const heads = { heads: 6, kvHeads: 3, headDim: 96 }
      const given = inputs(random, heads, [...causal(250, 20), [4, 600]], 'q8_0')
      const { out, k, v } = attend(engine, given, 0.05)
      const expected = reference.attention(given.q, k, v, given.ranges, { ...heads, scale: 0.05 })
      expect(reference.error(out, expected)).toBeLessThan(3e-6)
      expect(attend(pair, given, 0.05).out).toEqual(out)
    })

    // A prompt of unequal documents and a window, then each of its tokens alone, then shifted to other rows among other tokens.
    test.each(['f32', 'f16', 'q8_0'] as const)('a query is the same bits in any call, %s cache', cache => {
      for (const [heads, kvHeads] of [
        [4, 4],
        [6, 2],
        [8, 1],
      ]) {
        const headDim = 64
        const ranges = [...causal(0, 30), ...causal(260, 37), ...window(280, 300, 20), [17, 800] as const]
        const given = inputs(random, { heads, kvHeads, headDim }, ranges, cache)
        const together = attend(engine, given).out
        const width = heads * headDim
        const queryOf = (n: number) => given.q.slice(n * width, (n + 1) * width)
        for (const n of [0, 1, 5, 29, 30, 50, 66, 67, 80, 86, 87])
          expect(attend(engine, { ...given, q: queryOf(n), ranges: [ranges[n]] }).out).toEqual(
            together.slice(n * width, (n + 1) * width),
          )
        const shift = 101
        const moved = (x: Float32Array) => {
          const before = random.normal(shift * kvHeads * headDim)
          return Float32Array.from([...before, ...x])
        }
        const order = [87, 3, 70, 40, 66, 29, 2]
        const shuffled = attend(pair, {
          ...given,
          k: moved(given.k),
          v: moved(given.v),
          q: Float32Array.from(order.flatMap(n => [...queryOf(n)])),
          ranges: order.map(n => [ranges[n][0] + shift, ranges[n][1] + shift]),
        }).out
        order.forEach((n, i) => {
          expect(shuffled.slice(i * width, (i + 1) * width)).toEqual(together.slice(n * width, (n + 1) * width))
        })
      }
    })

    test('NaN affects only the queries that see it', () => {
      const heads = { heads: 2, kvHeads: 1, headDim: 16 }
      const given = inputs(random, heads, causal(0, 12), 'f32')
      given.v.fill(Number.NaN, 7 * 16, 8 * 16)
      given.k.fill(Number.NaN, 9 * 16, 10 * 16)
      const { out } = attend(engine, given)
      expect(Array.from(out.subarray(0, 7 * 32)).some(Number.isNaN)).toBe(false)
      expect(Array.from(out.subarray(7 * 32)).every(Number.isNaN)).toBe(true)
    })

    test.each(cases)('attentionWeights of %s', (_, heads, ranges) => {
      for (const cache of ['f32', 'f16'] as const) {
        const { q, k } = inputs(random, heads, ranges, cache)
        const rows = k.length / heads.kvHeads / heads.headDim
        const width = Math.max(...ranges.map(([first, last]) => last - first + 1)) + 1
        const keys = cacheOf(engine, k, rows, cache)
        const [first, last] = [0, 1].map(i =>
          putIds(
            engine,
            ranges.map(range => range[i]),
          ),
        )
        const count = ranges.length * heads.heads * width
        const out = room(engine, count)
        const options = { ...heads, tokens: ranges.length, cache, width }
        engine.attentionWeights(put(engine, q), keys.pointer, first, last, out, options)
        const size = { ...heads, scale: 1 / Math.sqrt(heads.headDim) }
        const expected = reference
          .attentionWeights(q, keys.values, ranges, size)
          .flatMap(weights => [...weights, ...new Array(width - weights.length).fill(0)])
        expect(reference.error(take(engine, out, count), expected)).toBeLessThan(3e-6)
        expect(() =>
          engine.attentionWeights(put(engine, q), keys.pointer, first, last, out, { ...options, width: width - 2 }),
        ).toThrow('more than the width')
      }
    })

    // With this scale a score is its key, and its weight a power of two.
    test('powers of two have a relative error of at most 3e-7; weights have two more roundings', () => {
      const k = [0, ...Array.from({ length: 2000 }, (_, i) => Math.fround(-100 * random.next() ** (1 + (i % 3))))]
      const out = room(engine, k.length)
      const [q, keys, first, last] = [put(engine, [1]), put(engine, k), putIds(engine, [0]), putIds(engine, [2000])]
      const options = { tokens: 1, heads: 1, kvHeads: 1, headDim: 1, scale: Math.LN2, width: k.length }
      engine.attentionWeights(q, keys, first, last, out, options)
      const weights = take(engine, out, k.length)
      k.forEach((key, i) => {
        expect(Math.abs(weights[i] / weights[0] / 2 ** key - 1)).toBeLessThan(3e-7 + 2 ** -23)
      })
    })

    test('sizes that do not fit are refused', () => {
      const call = (heads: number, kvHeads: number, headDim: number, cache: CacheType) => () =>
        engine.attention(0, 0, 0, 0, 0, 0, { tokens: 1, heads, kvHeads, headDim, cache })
      expect(call(3, 2, 8, 'f32')).toThrow('kvHeads (2) must divide heads (3)')
      expect(call(2, 2, 48, 'q8_0')).toThrow('whole blocks of 32')
      expect(call(2, 2, 48, 'q4_0' as CacheType)).toThrow('a cache is one of f32, f16, q8_0, not q4_0')
    })
  },
)
