import { ConfigError, initialise, RotaryEmbedding } from '@cria/layers'
import { openDevice, ShapeError, type Tensor } from '@cria/tensor'
import { describe, expect, test } from 'vitest'
import {
  type Attention,
  ContextOverflowError,
  groupedQueryAttention,
  KvCache,
  multiHeadAttention,
  multiQueryAttention,
} from '../src'
import { referenceAttention, type Weights } from './reference'

const device = await openDevice('cpu')
const DIM = 24
const TIME = 7

const random = <A extends Attention>(layer: A, seed = 1): A => {
  initialise(layer, device, { seed, deviation: 0.4 })
  return layer
}

const rows = (batch = 1, seed = 1): number[][][] =>
  Array.from({ length: batch }, (_, b) =>
    Array.from({ length: TIME }, (_, t) =>
      Array.from({ length: DIM }, (_, d) => Math.fround(Math.sin(12.9898 * (seed + d + DIM * (t + TIME * b))))),
    ),
  )

const upload = (x: readonly (readonly (readonly number[])[])[]): Tensor =>
  device.tensor(x.flat(2), [x.length, x[0].length, DIM])

const weightsOf = async ({ wq, wk, wv, wo }: Attention): Promise<Weights> => {
  const [q, k, v, o] = await Promise.all([wq, wk, wv, wo].map(({ weight }) => weight.tensor.read()))
  return { wq: [...q], wk: [...k], wv: [...v], wo: [...o] }
}

const run = async (layer: Attention, x: readonly (readonly (readonly number[])[])[]): Promise<number[]> => {
  using input = upload(x)
  using y = layer.forward(input)
  return [...(await y.read())]
}

const error = (found: readonly number[], expected: readonly number[]): number => {
  expect(found).toHaveLength(expected.length)
  return Math.max(...found.map((value, i) => Math.abs(value - expected[i]))) / Math.max(...expected.map(Math.abs))
}

describe('against attention in float64', () => {
  const ratios = [1, 2, 3, 4, 6, 12].flatMap(heads =>
    [1, 2, 3, 4, 6, 12].filter(kvHeads => heads % kvHeads === 0).map(kvHeads => ({ heads, kvHeads })),
  )

  test.each(ratios)('$heads heads over $kvHeads', async ({ heads, kvHeads }) => {
    const headDim = DIM / heads
    for (const rotary of [undefined, new RotaryEmbedding(headDim)]) {
      using layer = random(groupedQueryAttention({ dim: DIM, heads, kvHeads, rotary }))
      const sizes = { dim: DIM, heads, kvHeads, headDim }
      const [sequence] = rows()
      const expected = referenceAttention(sequence, await weightsOf(layer), sizes, rotary !== undefined).flat()
      expect(error(await run(layer, [sequence]), expected)).toBeLessThan(1e-5)
    }
  })

  test('heads wider than dim / heads', async () => {
    using layer = random(multiHeadAttention({ dim: DIM, heads: 2, headDim: 20 }))
    const sizes = { dim: DIM, heads: 2, kvHeads: 2, headDim: 20 }
    const [sequence] = rows()
    const expected = referenceAttention(sequence, await weightsOf(layer), sizes, false).flat()
    expect(error(await run(layer, [sequence]), expected)).toBeLessThan(1e-5)
  })
})

describe('one computation', () => {
  /** Copies weights between layers; each kv head of the source becomes `copies` of the target. */
  const share = async (from: Attention, to: Attention, copies: number) => {
    const { wq, wk, wv, wo } = await weightsOf(from)
    const head = from.headDim * DIM
    const repeat = (weight: readonly number[]) =>
      Array.from({ length: from.kvHeads * copies }, (_, i) => Math.floor(i / copies)).flatMap(kvHead =>
        weight.slice(kvHead * head, (kvHead + 1) * head),
      )
    for (const [target, values] of [
      [to.wq, wq],
      [to.wk, repeat(wk)],
      [to.wv, repeat(wv)],
      [to.wo, wo],
    ] as const)
      target.weight.load(device.tensor(values, target.weight.shape))
  }
  const options = { dim: DIM, heads: 4, rotary: new RotaryEmbedding(6) }

  test('multi-head is grouped-query with a kv head for each head', async () => {
    using mha = random(multiHeadAttention(options))
    using gqa = groupedQueryAttention({ ...options, kvHeads: 4 })
    await share(mha, gqa, 1)
    expect(await run(gqa, rows(2))).toEqual(await run(mha, rows(2)))
  })

  test('multi-query is multi-head with its one kv head repeated', async () => {
    using mqa = random(multiQueryAttention(options))
    using mha = multiHeadAttention(options)
    await share(mqa, mha, 4)
    expect(mqa.kvHeads).toBe(1)
    expect(error(await run(mha, rows(2)), await run(mqa, rows(2)))).toBeLessThan(1e-6)
  })

  test('grouped-query is multi-head with every kv head repeated for its group', async () => {
    using gqa = random(groupedQueryAttention({ ...options, kvHeads: 2 }))
    using mha = multiHeadAttention(options)
    await share(gqa, mha, 2)
    expect(error(await run(mha, rows(2)), await run(gqa, rows(2)))).toBeLessThan(1e-6)
  })
})

describe('with a cache', () => {
  const layerOf = () =>
    random(groupedQueryAttention({ dim: DIM, heads: 4, kvHeads: 2, rotary: new RotaryEmbedding(6) }))
  const cacheOf = (batch = 1, capacity = TIME) =>
    new KvCache(device, { layers: 1, batch, capacity, kvHeads: 2, headDim: 6 })

  /** Runs a part of the rows, and moves on. */
  const step = async (layer: Attention, cache: KvCache, x: readonly (readonly (readonly number[])[])[]) => {
    using input = upload(x)
    using y = layer.forward(input, { cache: cache.layers[0] })
    cache.advance(x[0].length)
    return [...(await y.read())]
  }

  test.each([1, 2, 3, TIME])('chunks of %d give what all at once gives', async size => {
    using layer = layerOf()
    using cache = cacheOf(2)
    const x = rows(2)
    const whole = await run(layer, x)
    for (let at = 0; at < TIME; at += size) {
      const chunk = x.map(sequence => sequence.slice(at, at + size))
      const expected = [0, 1].flatMap(b => whole.slice((b * TIME + at) * DIM, (b * TIME + at + chunk[0].length) * DIM))
      expect(error(await step(layer, cache, chunk), expected)).toBeLessThan(1e-5)
    }
    expect(cache.position).toBe(TIME)
  })

  test('angles made once for all layers are those made in each', async () => {
    using layer = layerOf()
    using cache = cacheOf()
    const rotary = new RotaryEmbedding(6)
    const [sequence] = rows()
    await step(layer, cache, [sequence.slice(0, 3)])
    using angles = rotary.angles(device, cache.position, 2)
    using input = upload([sequence.slice(3, 5)])
    using y = layer.forward(input, { cache: cache.layers[0], angles })
    const given = [...(await y.read())]
    expect(await step(layer, cache, [sequence.slice(3, 5)])).toEqual(given)
  })

  test('rewinding forgets what came after', async () => {
    using layer = layerOf()
    using cache = cacheOf()
    const [first, second] = rows(2)
    const expected = await step(layer, cache, [first])
    cache.rewind(0)
    await step(layer, cache, [second])
    cache.rewind(2)
    expect(cache.position).toBe(2)
    cache.rewind(0)
    expect(await step(layer, cache, [first])).toEqual(expected)
  })

  test.each([-1, 1.5, 8, NaN])('advancing by %d from 0 of 7 is refused', tokens => {
    using cache = new KvCache(device, { layers: 1, capacity: 7, kvHeads: 1, headDim: 2 })
    expect(() => cache.advance(tokens)).toThrow(tokens === 8 ? ContextOverflowError : RangeError)
    expect(cache.position).toBe(0)
  })

  test.each([-1, 1.5, 4, NaN])('rewinding to %d from 3 is refused', async position => {
    using layer = layerOf()
    using cache = cacheOf()
    await step(layer, cache, [rows()[0].slice(0, 3)])
    expect(() => cache.rewind(position)).toThrow(RangeError)
  })

  test('more tokens than it has room for are refused, before anything is written', async () => {
    using layer = layerOf()
    using cache = cacheOf(1, 4)
    const [sequence] = rows()
    await step(layer, cache, [sequence.slice(0, 3)])
    const kept = await cache.layers[0].k.read()
    await expect(step(layer, cache, [sequence.slice(3, 5)])).rejects.toThrow(ContextOverflowError)
    await expect(step(layer, cache, [sequence.slice(3, 5)])).rejects.toThrow(
      '2 tokens at position 3 do not fit into a context of 4: shorten the prompt or generate fewer',
    )
    expect(await cache.layers[0].k.read()).toEqual(kept)
    expect(cache.position).toBe(3)
  })

  test('another batch is refused', async () => {
    using layer = layerOf()
    using cache = cacheOf(3)
    await expect(step(layer, cache, rows(2))).rejects.toThrow(ShapeError)
  })

  test('it says what it takes, and gives it back', () => {
    const before = { ...device.memory }
    const cache = new KvCache(device, { layers: 3, batch: 2, capacity: 5, kvHeads: 2, headDim: 6 })
    expect(cache.bytes).toBe(3 * 2 * (2 * 5 * 2 * 6) * 4)
    expect(device.memory.bytes - before.bytes).toBe(cache.bytes)
    cache.dispose()
    expect(device.memory).toEqual(before)
  })
})

test('heads that do not fit are refused', () => {
  expect(() => multiHeadAttention({ dim: 10, heads: 4 })).toThrow(new ConfigError('4 heads do not divide dim 10'))
  expect(() => groupedQueryAttention({ dim: 8, heads: 4, kvHeads: 3 })).toThrow('3 kv heads do not divide 4 heads')
  expect(() => groupedQueryAttention({ dim: 8, heads: 4, kvHeads: 8 })).toThrow(ConfigError)
  expect(() => multiHeadAttention({ dim: 8, heads: 2, rotary: new RotaryEmbedding(2) })).toThrow(
    'a rotary embedding of heads of 2 does not fit heads of 4',
  )
})

test('a pass leaves nothing behind but its result', () => {
  using layer = random(multiHeadAttention({ dim: DIM, heads: 2, rotary: new RotaryEmbedding(12) }))
  using input = upload(rows())
  const before = { ...device.memory }
  layer.forward(input).dispose()
  expect(device.memory).toEqual(before)
})
