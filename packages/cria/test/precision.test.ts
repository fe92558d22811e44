import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { argMax, logSumExp } from '@cria/sampling'
import { beforeAll, describe, expect, test } from 'vitest'
import { type LoadOptions, loadModel } from '../src'
import { hasStories, stories } from './stories'

// What types of weights and of caches cost on `simd`, over 2,000 positions of children's stories, by the built-in model.

const text = fileURLToPath(new URL('../../../../shared/data/stories/african-storybook-en.txt', import.meta.url))
const WINDOW = 200
const WINDOWS = 10

interface Reading {
  /** The likeliest next token at each position. */
  readonly likeliest: readonly number[]
  /** e to the mean of -ln p(next token). */
  readonly perplexity: number
}

const read = async (options: LoadOptions, from?: string): Promise<Reading> => {
  await using model = await loadModel(from, { device: 'simd', ...options })
  const ids = model.tokenizer.encode(readFileSync(text, 'utf8').slice(0, 20_000))
  const bos = model.tokenizer.bosId as number
  const likeliest: number[] = []
  let nll = 0
  for (let window = 0; window < WINDOWS; window++) {
    const next = ids.subarray(window * WINDOW, (window + 1) * WINDOW)
    const sequence = model.createSequence({ capacity: WINDOW })
    const rows = await sequence.forward([bos, ...next.subarray(0, -1)], { logits: 'all' })
    sequence.dispose()
    for (const [i, row] of rows.entries()) {
      likeliest.push(argMax(row))
      nll += logSumExp(row) - row[next[i]]
    }
  }
  return { likeliest, perplexity: Math.exp(nll / (WINDOW * WINDOWS)) }
}

const agreement = (a: Reading, b: Reading) =>
  a.likeliest.filter((id, i) => id === b.likeliest[i]).length / a.likeliest.length

describe.skipIf(!existsSync(text))('over 2,000 positions of real text', { timeout: 600_000 }, () => {
  let exact: Reading
  beforeAll(async () => {
    exact = await read({ weights: 'f32', cache: 'f32' })
  }, 300_000)

  test('the model predicts the text', () => {
    expect(exact.likeliest).toHaveLength(2000)
    expect(exact.perplexity).toBeLessThan(100)
  })

  test.each([
    ['weights q8_0', { weights: 'q8_0', cache: 'f32' }, 0.99],
    ['a cache of f16', { weights: 'f32', cache: 'f16' }, 0.995],
    ['a cache of q8_0', { weights: 'f32', cache: 'q8_0' }, 0.99],
  ] as const)('%s: the likeliest token stays, and perplexity within 0.5%%', async (_, options, least) => {
    const found = await read(options)
    expect(agreement(found, exact)).toBeGreaterThanOrEqual(least)
    expect(Math.abs(found.perplexity / exact.perplexity - 1)).toBeLessThan(0.005)
    // Else a type would not have been used.
    expect(found.perplexity).not.toBe(exact.perplexity)
  })

  // The built-in model is stored as q8_0. This one is stored as f32; with 260,000 parameters it often has two tokens that are near.
  test.skipIf(!hasStories)('weights rounded to q8_0 keep the likeliest token', async () => {
    const [plain, rounded] = await Promise.all(
      (['f32', 'q8_0'] as const).map(weights =>
        read({ weights, cache: 'f32', tokenizer: stories('tok512.model') }, stories('stories260K.bin')),
      ),
    )
    expect(agreement(plain, rounded)).toBeGreaterThanOrEqual(0.975)
    expect(Math.abs(rounded.perplexity / plain.perplexity - 1)).toBeLessThan(0.005)
  })
})
