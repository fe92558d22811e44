import { type Device, openDevice } from '@cria/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { counting } from '../../test/tiny'
import {
  baseSizes,
  compare,
  decayBound,
  decodeSpeeds,
  meanScore,
  normTimes,
  plainWidth,
  relativeChange,
  summarise,
  type TrainedVariant,
  VariantModel,
  verdict,
  withKvHeads,
} from '../experiments'

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.close())

const sizes = { ...baseSizes, vocab_size: 1024 }
const small = { dim: 16, n_layers: 1, n_heads: 4, n_kv_heads: 4, hidden_dim: 24, vocab_size: 24, max_seq_len: 12 }

test('variants have the same number of parameters, to one in a thousand', () => {
  const count = (model: VariantModel) => model.parameterCount
  const mha = count(new VariantModel(device, sizes))
  // Embedding, five layers (attention, feed-forward, two norms), last norm.
  expect(mha).toBe(1024 * 128 + 5 * (4 * 128 ** 2 + 3 * 128 * 336 + 2 * 128) + 128)
  for (const heads of [2, 1])
    expect(Math.abs(count(new VariantModel(device, withKvHeads(sizes, heads))) / mha - 1)).toBeLessThan(1e-3)
  const plain = { ...sizes, hidden_dim: plainWidth(sizes) }
  expect(count(new VariantModel(device, plain, { feedForward: 'relu' }))).toBe(mha)
})

describe('rotary embedding', () => {
  test('scores depend on the distance alone', () => {
    for (const headDim of [16, 64, 128]) {
      expect(relativeChange(headDim)).toBeLessThan(1e-9)
      expect(relativeChange(headDim), 'scores are computed, so they are rounded').toBeGreaterThan(0)
    }
  })

  test('scores fall with distance', () => {
    const distances = [0, 1, 10, 50, 100, 200]
    const bound = decayBound(128, distances)
    expect(bound[0]).toBe(1)
    for (const [i, value] of bound.entries()) if (i > 0) expect(value).toBeLessThan(bound[i - 1])
    expect(meanScore(2, [0, Math.PI])).toEqual([1, -1])
    // Two pairs, which turn by 1 and by 1/100: the second sum is of length 2·|cos(0.99·distance / 2)|, and 2 at distance 0.
    const [third, half] = [Math.PI / 0.99 / 1.5, Math.PI / 0.99]
    for (const [i, expected] of [1, 2 / 3, 1 / 3].entries())
      expect(decayBound(4, [0, third, half])[i]).toBeCloseTo(expected, 12)
    expect(meanScore(4, [100])[0]).toBeCloseTo((Math.cos(100) + Math.cos(1)) / 2, 12)
  })
})

test('each variant is trained with each seed, on the same rows', async () => {
  const seen: number[] = []
  const text = {
    tokenizer: { encode: (text: string) => [0, ...Array.from(text, letter => letter.charCodeAt(0) - 96)] },
    data: (seed: number) => ({
      ...counting,
      row(n: number) {
        seen.push(seed)
        return counting.row(n + seed)
      },
    }),
    heldOut: ['abcdef', 'mnop'],
  }
  const variants = [
    { name: 'MHA', build: () => new VariantModel(device, small) },
    { name: 'LayerNorm', build: () => new VariantModel(device, small, { norm: 'layer' }) },
    { name: 'GELU', build: () => new VariantModel(device, { ...small, hidden_dim: 36 }, { feedForward: 'gelu' }) },
  ]
  const options = { text, variants, rowTokens: 12, batchTokens: 24, steps: 4, learningRate: 0.01 }
  const trained: TrainedVariant[] = []
  for await (const one of compare({ ...options, seeds: 2 })) trained.push(one)
  expect(trained.map(({ variant, seed }) => `${variant} ${seed}`)).toEqual([
    ...['MHA 0', 'LayerNorm 0', 'GELU 0', 'MHA 1', 'LayerNorm 1', 'GELU 1'],
  ])
  expect(seen).toEqual([...Array(24).fill(0), ...Array(24).fill(1)])
  for (const { score } of trained) expect(score).toBeGreaterThan(1)
  const late: TrainedVariant[] = []
  for await (const one of compare({ ...options, seeds: 5, deadline: performance.now() + 1 })) late.push(one)
  expect(late).toHaveLength(3)
  const over: TrainedVariant[] = []
  for await (const one of compare({ ...options, seeds: 5, deadline: performance.now() - 1 })) over.push(one)
  expect(over, 'the first seed is always trained').toHaveLength(3)
})

test('a score of the caller replaces bits per byte, and an abort ends an experiment', async () => {
  const text = { tokenizer: { encode: () => [0] }, data: () => counting, heldOut: [] }
  const variants = [{ name: 'MHA', build: () => new VariantModel(device, small) }]
  const options = { text, variants, rowTokens: 12, batchTokens: 24, steps: 1, learningRate: 0.01, seeds: 1 }
  const scored: TrainedVariant[] = []
  for await (const one of compare({ ...options, score: async () => 5 })) scored.push(one)
  // Embedding, one layer (attention, feed-forward, two norms), last norm.
  const parameters = 24 * 16 + 4 * 16 ** 2 + 3 * 16 * 24 + 2 * 16 + 16
  expect(scored).toEqual([{ variant: 'MHA', seed: 0, score: 5, seconds: expect.any(Number), parameters }])
  const stopped = (async () => {
    for await (const _ of compare({ ...options, signal: AbortSignal.abort('enough') }));
  })()
  await expect(stopped).rejects.toBe('enough')
})

test('differences are of pairs', () => {
  const one = (variant: string, seed: number, score: number): TrainedVariant => {
    return { variant, seed, score, seconds: 1, parameters: 7 }
  }
  const trained = [one('a', 0, 1), one('b', 0, 1.1), one('a', 1, 2), one('b', 1, 2.1), one('a', 2, 9)]
  const { summaries, seeds, seedDeviation } = summarise(['a', 'b'], trained)
  expect(seeds).toBe(2)
  expect(summaries[0]).toMatchObject({ mean: 1.5, difference: undefined, scores: [1, 2], differences: [0, 0] })
  expect(summaries[1]).toMatchObject({ variant: 'b', parameters: 7 })
  expect(summaries[1].differences).toEqual([expect.closeTo(0.1, 10), expect.closeTo(0.1, 10)])
  expect(summaries[1].difference?.mean).toBeCloseTo(0.1, 10)
  expect(seedDeviation).toBeCloseTo(Math.SQRT1_2, 10)
  expect(summarise(['a', 'b'], trained.slice(0, 2)).seedDeviation).toBeUndefined()
  expect(verdict(undefined)).toBe('')
  expect(verdict({ mean: 0.2, margin: 0.2, count: 3 })).toBe('no difference found')
  expect(verdict(summaries[1].difference)).toBe('worse')
  expect(verdict({ mean: 0.1, margin: 0.2, count: 3 })).toBe('no difference found')
  expect(verdict({ mean: -0.3, margin: 0.2, count: 3 })).toBe('better')
  expect(verdict({ mean: -0.3, margin: Infinity, count: 1 })).toContain('nothing can be said')
})

test('times are of real work, and leave no memory behind', async () => {
  using model = new VariantModel(device, small)
  for (const [, parameter] of model.parameters()) parameter.load(device.zeros(parameter.shape))
  model.forward([1]).dispose()
  const before = device.memory.allocations
  const speeds = await decodeSpeeds([model, model], 6, 4, 2)
  expect(speeds).toHaveLength(2)
  expect(Math.min(...speeds)).toBeGreaterThan(0)
  const [times] = await normTimes(device, [8], 4, 2)
  expect(times).toMatchObject({ dim: 8 })
  expect(Math.min(times.rms, times.layer, times.rmsBoth, times.layerBoth)).toBeGreaterThan(0)
  expect(Math.max(times.saved, times.savedBoth)).toBeLessThan(1)
  expect(device.memory.allocations).toBe(before)
})
