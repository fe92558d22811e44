import { readFileSync } from 'node:fs'
import { loadModel } from 'cria'
import { describe, expect, test } from 'vitest'
import { storiesModel } from './site'

describe.skipIf(!storiesModel)('the built package in Node', () => {
  test('loads a model in its own worker', async () => {
    const { llama2c, golden } = storiesModel as NonNullable<typeof storiesModel>
    const [weights, tokenizer] = llama2c
    const { text } = JSON.parse(readFileSync(golden, 'utf8')).cases[0]
    await using model = await loadModel(weights, { worker: true, tokenizer, device: 'simd', threads: 1, cache: 'f32' })
    expect(await model.generate('', { temperature: 0, maxTokens: 200 }).text).toBe(text)
  })
})
