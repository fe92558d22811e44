import { loadModel, type Model } from 'cria'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../src/engine'
import { chromium, openModel, openSite, type Site, storiesModel } from './site'

// What the page shows is what the packages compute in Node. Softmax and norms are computed here in float64.

const text = 'Once upon a time, there was a little girl named Lily.'
const position = 9
const layer = 3
const temperature = 0.7
const topP = 0.9

/** The page's engine, as its console has it. */
declare const cria: Engine

describe.skipIf(!chromium || !storiesModel)('numbers of the page', () => {
  const files = storiesModel as NonNullable<typeof storiesModel>
  let site: Site
  let page: Page
  let model: Model
  let ids: number[]
  beforeAll(async () => {
    site = await openSite()
    page = await site.open()
    await openModel(page, files.llama2c)
    const [weights, tokenizer] = files.llama2c
    model = await loadModel(weights, { tokenizer, device: 'simd', threads: 1 })
    ids = Array.from(model.tokenizer.encode(text, { bos: true }))
    await page.evaluate(text => cria.inspect(text, new AbortController().signal), text)
  }, 120_000)
  afterAll(async () => {
    await model.dispose()
    await site[Symbol.asyncDispose]()
  })

  test('the distribution, before and after sampling steps', async () => {
    const { logits } = await model.inspect(ids, { logits: 'all' })
    const row = logits.data.subarray(position * 512, (position + 1) * 512)
    const plain = softmax(row)
    const warm = softmax(row.map(logit => logit / temperature))
    const ranked = Array.from(warm.keys()).sort((a, b) => warm[b] - warm[a])
    let mass = 0
    const kept = new Set<number>()
    for (const id of ranked) {
      if (mass >= topP) break
      kept.add(id)
      mass += warm[id]
    }
    const expected = [plain, warm, warm.map((p, id) => (kept.has(id) ? p / mass : 0))]

    const steps = await page.evaluate(([position, sampling]) => cria.distribution(position, sampling), [
      position,
      { temperature, topP, maxTokens: 1 },
    ] as const)
    expect(steps.map(({ name }) => name)).toEqual(['model', 'temperature', 'top-p'])
    for (const [i, { candidates, left }] of steps.entries()) {
      expect(left).toBe(expected[i].filter(p => p > 0).length)
      for (const { id, probability } of candidates) expect(Math.abs(probability - expected[i][id])).toBeLessThan(1e-5)
    }
    expect(steps[0].candidates[0].id).toBe(ranked[0])
  })

  test('attention weights by head', async () => {
    const name = `layers.${layer}.attention.weights`
    const { values } = await model.inspect(ids, { observe: [name] })
    const { data } = values.get(name) as NonNullable<ReturnType<typeof values.get>>
    const heads = await page.evaluate(async layer => (await cria.attention(layer)).map(head => Array.from(head)), layer)
    expect(heads).toHaveLength(8)
    const time = ids.length
    let largest = 0
    for (const [head, weights] of heads.entries())
      for (let t = 0; t < time; t++)
        for (let s = 0; s < time; s++)
          largest = Math.max(largest, Math.abs(weights[t * time + s] - data[(t * 8 + head) * time + s]))
    expect(largest).toBeLessThan(1e-5)
    expect(heads[0].slice(position * time, (position + 1) * time).reduce((a, b) => a + b)).toBeCloseTo(1, 5)
  })

  test('the stream read at each layer, and its size', async () => {
    const names = ['tok_embeddings', ...[0, 1, 2, 3, 4].map(index => `layers.${index}`)]
    const { values } = await model.inspect(ids, { observe: names })
    const lens = await page.evaluate(position => cria.lens(position), position)
    const { norms } = await page.evaluate(async text => {
      const seen = await cria.inspect(text, new AbortController().signal)
      return { norms: seen.norms.map(row => Array.from(row)) }
    }, text)
    expect(lens).toHaveLength(6)
    for (const [index, name] of names.entries()) {
      const state = values.get(name)?.data.slice(position * 64, (position + 1) * 64) as Float32Array<ArrayBuffer>
      const { data } = await model.head({ shape: [1, 64], data: state })
      const probabilities = softmax(data)
      for (const { id, probability } of lens[index])
        expect(Math.abs(probability - probabilities[id])).toBeLessThan(1e-5)
      const square = state.reduce((sum, value) => sum + value * value, 0)
      expect(norms[index][position]).toBeCloseTo(Math.sqrt(square / 64), 5)
    }
  })
})

const softmax = (logits: Float32Array): Float64Array => {
  const values = Float64Array.from(logits)
  const max = values.reduce((a, b) => Math.max(a, b))
  const exponentials = values.map(value => Math.exp(value - max))
  const sum = exponentials.reduce((a, b) => a + b)
  return exponentials.map(value => value / sum)
}
