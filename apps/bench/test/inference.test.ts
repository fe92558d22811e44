import { llama2 } from '@cria/llama2'
import { openDevice } from '@cria/tensor'
import { describe, expect, test } from 'vitest'
import { cacheBytesPerPass, prefillFlops, weightBytesPerPass } from '../src/inference/cost'
import { passesOf, runPass } from '../src/inference/cria'
import { matrixTypes } from '../src/inference/model'
import { arithmeticLimit, type Run, resultsOf, type Workload } from '../src/inference/result'
import { fixedIds, timeStream } from '../src/inference/stream'
import { syntheticSizes } from '../src/synthetic/sizes'
import { syntheticLlama } from '../src/synthetic/weights'

const work: Workload = {
  model: 'm',
  weights: ['q8_0'],
  prompt: 100,
  depth: 100,
  tokens: 50,
  sequences: 1,
  weightBytes: 9e5,
  cacheBytes: 1e5,
  prefillFlops: 1e9,
}

const run = (name: string, seconds: readonly number[], against: readonly string[] = [], sequences = 1): Run => ({
  name,
  description: 'd',
  sequences,
  peakBytes: 7,
  samples: seconds.map(decode => ({ prefill: 2, decode })),
  ceilings: seconds.map(() => ({ read: 1e8, f32: 1e9, i8: 5e9 })),
  against,
})

describe('results', () => {
  const { contenders, ratios } = resultsOf([run('a', [1, 0.5], ['b']), run('b', [2, 2])], work)

  test('are tokens a second, of the prompt and of what follows', () => {
    expect(contenders[0].prefill.samples).toEqual([50, 50])
    expect(contenders[0].decode).toMatchObject({ samples: [50, 100], median: 75, min: 50, max: 100 })
  })

  test('are shares of what memory gives, and of what integer products take', () => {
    expect(contenders[0].bandwidthShare.samples).toEqual([0.5, 1])
    expect(contenders[0].arithmeticShare.samples).toEqual([0.1, 0.1])
  })

  test('are shares of f32 products where weights are floats', () => {
    const [only] = resultsOf([run('a', [1])], { ...work, weights: ['f32'] }).contenders
    expect(only.arithmeticShare.samples).toEqual([0.5])
    expect([['q4_k', 'q6_k'], ['iq4_xs'], ['bf16'], ['f16']].map(arithmeticLimit)).toEqual(['i8', 'i8', 'f32', 'f32'])
  })

  test('are ratios of those that are compared, round by round', () => {
    expect(ratios).toHaveLength(1)
    expect(ratios[0]).toMatchObject({ of: 'a', to: 'b', decode: { samples: [2, 4] }, prefill: { samples: [1, 1] } })
  })

  test('of sequences together count the tokens of all, and the weights once', () => {
    const batch = resultsOf([run('eight', [1], ['one'], 8), run('one', [1])], work)
    expect(batch.contenders[0].decode.samples).toEqual([400])
    expect(batch.contenders[0].bandwidthShare.samples).toEqual([(50 * (9e5 + 8e5)) / 1e8])
    expect(batch.ratios[0].decode.samples).toEqual([8])
  })
})

describe('the stream', () => {
  test('is a prompt, then more tokens up to the depth, then one token at a time', async () => {
    const seen: (readonly (readonly number[])[])[] = []
    const size = { prompt: 2, depth: 5, tokens: 2, sequences: 2 }
    const sample = await timeStream(size, 1000, async additions => seen.push(additions))
    expect(seen.map(additions => additions.map(ids => ids.length))).toEqual([
      [2, 2],
      [3, 3],
      [1, 1],
      [1, 1],
    ])
    const ids = fixedIds(14, 1000)
    expect(seen.flatMap(([first]) => first)).toEqual(ids.slice(0, 7))
    expect(seen.flatMap(([, second]) => second)).toEqual(ids.slice(7))
    expect(Object.keys(sample).sort()).toEqual(['decode', 'prefill'])
  })

  test('decodes right behind the prompt where that is the depth', async () => {
    const lengths: number[] = []
    await timeStream({ prompt: 3, depth: 3, tokens: 1, sequences: 1 }, 1000, async ([ids]) => lengths.push(ids.length))
    expect(lengths).toEqual([3, 1])
  })

  test('has the same ids each time, none special, none beyond the vocabulary', () => {
    const ids = fixedIds(5000, 1000)
    expect(ids).toEqual(fixedIds(5000, 1000))
    expect(Math.min(...ids)).toBeGreaterThanOrEqual(3)
    expect(Math.max(...ids)).toBeLessThan(1000)
    expect(new Set(ids).size).toBeGreaterThan(900)
  })
})

test('passes have at most the given number of tokens, and the last token of each sequence has logits', async () => {
  await using shapes = await openDevice('shape')
  const network = llama2(shapes, syntheticSizes['15m'])
  for (const [, parameter] of network.parameters()) parameter.load(shapes.zeros(parameter.shape))
  using cache = network.createCache()
  const additions = [5, 2, 6].map(count => ({ sequence: cache.sequence({ capacity: 8 }), ids: fixedIds(count, 300) }))
  const passes = passesOf(additions, 4)
  expect(passes.map(parts => parts.map(({ ids, logits }) => [(ids as readonly number[]).length, logits]))).toEqual([
    [[4, 'none']],
    [
      [1, 'last'],
      [2, 'last'],
      [1, 'none'],
    ],
    [[4, 'none']],
    [[1, 'last']],
  ])
  expect(passes.map(pass => runPass(network, pass)?.shape)).toEqual([undefined, [2, 32_000], undefined, [1, 32_000]])
  expect(additions.map(({ sequence }) => sequence.length)).toEqual([5, 2, 6])
})

describe('the cost of a model', () => {
  /** stories110M by hand: 12 layers of four 768² and three 768 x 2048, a tied output of 32000 x 768, and 25 norms. */
  const matrices = 12 * (4 * 768 ** 2 + 3 * 768 * 2048) + 32_000 * 768
  const norms = 25 * 768
  const model = syntheticLlama('x', syntheticSizes['110m'])

  test('is every weight a pass, in the bytes of its type', () => {
    expect(weightBytesPerPass(model)).toBe(4 * (matrices + norms))
    expect(weightBytesPerPass(model, 'f16')).toBe(2 * matrices + 4 * norms)
    expect(weightBytesPerPass(model, 'q8_0')).toBe((matrices * 34) / 32 + 4 * norms)
    expect(weightBytesPerPass(model, 'q4_k')).toBe((matrices * 144) / 256 + 4 * norms)
  })

  test('is one row of an embedding that is not the output too', () => {
    const config = syntheticSizes['15m']
    const untied = syntheticLlama('x', { ...config, tied_output: false })
    expect(weightBytesPerPass(untied)).toBe(weightBytesPerPass(syntheticLlama('x', config)) + 4 * config.dim)
  })

  test('is a key and a value for each token held, layer and kv head', async () => {
    const bytes = await cacheBytesPerPass(syntheticSizes['1b'], { depth: 1000, tokens: 100 }, 'f16')
    expect(bytes).toBe(1050 * 2 * 22 * 4 * 64 * 2)
  })

  test('is two operations a weight and token, and attention', async () => {
    const layers = matrices - 32_000 * 768
    const least = (prompt: number) => 2 * prompt * layers + 2 * 32_000 * 768
    for (const prompt of [128, 700]) {
      const flops = await prefillFlops(syntheticSizes['110m'], prompt)
      expect(flops).toBeGreaterThan(least(prompt))
      expect(flops).toBeLessThan(1.15 * least(prompt))
    }
  })
})

test('types of matrices come with the largest share first', () => {
  const tensor = (dtype: 'q4_k' | 'q6_k' | 'f32', byteLength: number, shape: number[]) => ({
    dtype,
    byteLength,
    shape,
    shards: 1,
  })
  const tensors = new Map([
    ['a', tensor('q6_k', 10, [2, 256])],
    ['b', tensor('q4_k', 90, [8, 256])],
    ['c', tensor('f32', 500, [125])],
  ])
  expect(matrixTypes({ tensors })).toEqual(['q4_k', 'q6_k'])
})

test('a synthetic size is that of its name', () => {
  const count = (size: keyof typeof syntheticSizes) =>
    [...syntheticLlama('x', syntheticSizes[size]).tensors.values()]
      .map(({ shape }) => shape.reduce((a, b) => a * b))
      .reduce((a, b) => a + b)
  expect(count('15m')).toBe(15_191_712)
  expect(count('110m')).toBe(109_529_856)
  expect(count('1b')).toBe(1_100_048_384)
  expect(count('7b')).toBe(6_738_415_616)
})
