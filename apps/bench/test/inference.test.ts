import { describe, expect, test } from 'vitest'
import { bytesPerToken, prefillFlops } from '../src/inference/cost'
import { type Run, resultsOf, type Workload } from '../src/inference/result'
import { fixedIds, timeStream } from '../src/inference/stream'
import { syntheticSizes } from '../src/synthetic/sizes'
import { syntheticCheckpoint } from '../src/synthetic/weights'

const work: Workload = {
  model: 'm',
  weights: 'q8_0',
  prompt: 100,
  tokens: 50,
  bytesPerToken: 1e6,
  prefillFlops: 1e9,
}

const run = (name: string, seconds: readonly number[], against?: string): Run => ({
  name,
  description: 'd',
  peakBytes: 7,
  samples: seconds.map(decode => ({ prefill: 2, firstToken: 2.5, decode })),
  ceilings: seconds.map(() => ({ read: 1e8, f32: 1e9, i8: 5e9 })),
  against,
})

describe('results', () => {
  const { contenders, ratios } = resultsOf([run('a', [1, 0.5], 'b'), run('b', [2, 2])], work)

  test('are tokens a second, of the prompt and of what follows', () => {
    expect(contenders[0].prefill.samples).toEqual([50, 50])
    expect(contenders[0].decode).toMatchObject({ samples: [50, 100], median: 75, min: 50, max: 100 })
    expect(contenders[0].firstToken.median).toBe(2.5)
  })

  test('are shares of what memory gives, and of what integer products take', () => {
    expect(contenders[0].bandwidthShare.samples).toEqual([0.5, 1])
    expect(contenders[0].arithmeticShare.samples).toEqual([0.1, 0.1])
  })

  test('are shares of f32 products where weights are f32', () => {
    const [only] = resultsOf([run('a', [1])], { ...work, weights: 'f32' }).contenders
    expect(only.arithmeticShare.samples).toEqual([0.5])
  })

  test('are ratios of those that are compared, round by round', () => {
    expect(ratios).toHaveLength(1)
    expect(ratios[0]).toMatchObject({ of: 'a', to: 'b', decode: { samples: [2, 4] }, prefill: { samples: [1, 1] } })
  })
})

describe('the stream', () => {
  test('is a prompt in one pass, then one token at a time', async () => {
    const seen: number[][] = []
    const sample = await timeStream([5, 6, 7, 8], { prompt: 2, tokens: 2 }, async ids => seen.push(ids))
    expect(seen).toEqual([[5, 6], [7], [8]])
    expect(Object.keys(sample).sort()).toEqual(['decode', 'firstToken', 'prefill'])
  })

  test('has the same ids each time, none special, none beyond the vocabulary', () => {
    const ids = fixedIds(5000, 1000)
    expect(ids).toEqual(fixedIds(5000, 1000))
    expect(Math.min(...ids)).toBeGreaterThanOrEqual(3)
    expect(Math.max(...ids)).toBeLessThan(1000)
    expect(new Set(ids).size).toBeGreaterThan(900)
  })
})

describe('the cost of a model', () => {
  /** stories110M by hand: 12 layers of four 768² and three 768 x 2048, a tied output of 32000 x 768, and 25 norms. */
  const matrices = 12 * (4 * 768 ** 2 + 3 * 768 * 2048) + 32_000 * 768
  const norms = 25 * 768

  test('is every weight a token, in the bytes of its type', () => {
    const config = syntheticSizes['110m']
    expect(bytesPerToken(config, 'f32')).toBe(4 * (matrices + norms))
    expect(bytesPerToken(config, 'f16')).toBe(2 * matrices + 4 * norms)
    expect(bytesPerToken(config, 'q8_0')).toBe((matrices * 34) / 32 + 4 * norms)
    expect(bytesPerToken(config, 'q4_0')).toBe((matrices * 18) / 32 + 4 * norms)
  })

  test('is one row of an embedding that is not the output too', () => {
    const config = { ...syntheticSizes['15m'], tied_output: false }
    expect(bytesPerToken(config, 'f32')).toBe(bytesPerToken(syntheticSizes['15m'], 'f32') + 4 * config.dim)
  })

  test('is two operations a weight and token, and what attention takes', async () => {
    const layers = matrices - 32_000 * 768
    const least = 2 * 128 * layers + 2 * 32_000 * 768
    const flops = await prefillFlops(syntheticSizes['110m'], 128)
    expect(flops).toBeGreaterThan(least)
    expect(flops).toBeLessThan(1.05 * least)
  })
})

test('a synthetic size is that of its name', () => {
  const count = (size: keyof typeof syntheticSizes) =>
    [...syntheticCheckpoint('x', syntheticSizes[size]).tensors.values()]
      .map(({ shape }) => shape.reduce((a, b) => a * b))
      .reduce((a, b) => a + b)
  expect(count('15m')).toBe(15_191_712)
  expect(count('110m')).toBe(109_529_856)
  expect(count('1b')).toBe(1_100_048_384)
  expect(count('7b')).toBe(6_738_415_616)
})
