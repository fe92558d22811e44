import { ConfigError, initialise, RotaryEmbedding } from '@cria/layers'
import { openDevice } from '@cria/tensor'
import { describe, expect, test } from 'vitest'
import {
  type Attention,
  groupedQueryAttention,
  multiHeadAttention,
  multiQueryAttention,
  packDocuments,
  uploadPass,
} from '../src'
import { referenceAttention, type Weights } from './reference'

const device = await openDevice('cpu')
const DIM = 24
const TIME = 7

const random = <A extends Attention>(layer: A, seed = 1): A => {
  initialise(layer, device, { seed, deviation: 0.4 })
  return layer
}

/** Rows of some documents, [documents][TIME][DIM]. */
const rows = (documents = 1, seed = 1): number[][][] =>
  Array.from({ length: documents }, (_, b) =>
    Array.from({ length: TIME }, (_, t) =>
      Array.from({ length: DIM }, (_, d) => Math.fround(Math.sin(12.9898 * (seed + d + DIM * (t + TIME * b))))),
    ),
  )

const weightsOf = async ({ wq, wk, wv, wo }: Attention): Promise<Weights> => {
  const [q, k, v, o] = await Promise.all([wq, wk, wv, wo].map(({ weight }) => weight.tensor.read()))
  return { wq: [...q], wk: [...k], wv: [...v], wo: [...o] }
}

/** Documents, packed one after the other, through the layer. */
const run = async (
  layer: Attention,
  documents: readonly (readonly (readonly number[])[])[],
  { rotary, window }: { rotary?: RotaryEmbedding | undefined; window?: number } = {},
): Promise<number[]> => {
  using _scope = device.scope()
  const count = documents.length * TIME
  const starts = documents.map((_, i) => i * TIME)
  const list = packDocuments(new Array<number>(count).fill(0), { vocabSize: 1, window }, starts)
  using pass = uploadPass(device, list, rotary)
  const input = device.tensor(documents.flat(2), [count, DIM])
  return [...(await layer.forward(input, pass).read())]
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
      expect(error(await run(layer, [sequence], { rotary }), expected)).toBeLessThan(1e-5)
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
  const rotary = new RotaryEmbedding(6)
  const options = { dim: DIM, heads: 4, rotary }

  test('multi-head is grouped-query with a kv head for each head', async () => {
    using mha = random(multiHeadAttention(options))
    using gqa = groupedQueryAttention({ ...options, kvHeads: 4 })
    await share(mha, gqa, 1)
    expect(await run(gqa, rows(2), { rotary })).toEqual(await run(mha, rows(2), { rotary }))
  })

  test('multi-query is multi-head with its one kv head repeated', async () => {
    using mqa = random(multiQueryAttention(options))
    using mha = multiHeadAttention(options)
    await share(mqa, mha, 4)
    expect(mqa.kvHeads).toBe(1)
    expect(error(await run(mha, rows(2), { rotary }), await run(mqa, rows(2), { rotary }))).toBeLessThan(1e-6)
  })

  test('grouped-query is multi-head with every kv head repeated for its group', async () => {
    using gqa = random(groupedQueryAttention({ ...options, kvHeads: 2 }))
    using mha = multiHeadAttention(options)
    await share(gqa, mha, 2)
    expect(error(await run(mha, rows(2), { rotary }), await run(gqa, rows(2), { rotary }))).toBeLessThan(1e-6)
  })
})

describe('what a token sees', () => {
  const rotary = new RotaryEmbedding(6)
  const layerOf = () => random(groupedQueryAttention({ dim: DIM, heads: 4, kvHeads: 2, rotary }))

  test('packed documents do not see each other', async () => {
    using layer = layerOf()
    const [first, second] = rows(2)
    const alone = [...(await run(layer, [first], { rotary })), ...(await run(layer, [second], { rotary }))]
    expect(await run(layer, [first, second], { rotary })).toEqual(alone)
  })

  test('a window hides the tokens before it', async () => {
    using layer = layerOf()
    const [sequence] = rows()
    const weights = await weightsOf(layer)
    const sizes = { dim: DIM, heads: 4, kvHeads: 2, headDim: 6 }
    const found = await run(layer, [sequence], { rotary, window: 3 })
    // The last token sees three tokens, as if there were no others: rotary angles depend only on distances.
    const expected = referenceAttention(sequence.slice(-3), weights, sizes, true)[2]
    expect(error(found.slice(-DIM), expected)).toBeLessThan(1e-5)
    expect(error(await run(layer, [sequence], { rotary }), found)).toBeGreaterThan(1e-3)
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

test('a pass frees everything except its result', () => {
  const rotary = new RotaryEmbedding(12)
  using layer = random(multiHeadAttention({ dim: DIM, heads: 2, rotary }))
  using input = device.tensor(rows().flat(2), [TIME, DIM])
  const list = packDocuments([0, 0, 0, 0, 0, 0, 0], { vocabSize: 1 })
  uploadPass(device, list, rotary)[Symbol.dispose]()
  const before = { ...device.memory }
  {
    using pass = uploadPass(device, list, rotary)
    layer.forward(input, pass).dispose()
  }
  expect(device.memory).toEqual(before)
})
