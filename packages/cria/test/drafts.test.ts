import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadModel, type Model } from '../src'

// Speculative decoding on `simd`, where a token's logits are the same bits in a pass of one and in a pass of several.

let model: Model
let small: Model
beforeAll(async () => {
  model = await loadModel(undefined, { device: 'simd' })
  // The same vocabulary, and other numbers: it is right often, not always.
  small = await loadModel(undefined, { device: 'simd', weights: 'q4_0', cache: 'q8_0' })
})
afterAll(async () => {
  await model?.dispose()
  await small?.dispose()
})

const prompt = 'The little dog ran to the big tree. The little dog ran to the big house. The little dog ran to'

test.each([
  ['greedy', { temperature: 0 }],
  ['seeded', { temperature: 0.8, topP: 0.9, seed: 7 }],
] as const)('drafts of the prompt and of a small model change no token, %s', async (_, sampling) => {
  const options = { ...sampling, maxTokens: 40 }
  const plain = model.generate(prompt, options)
  const text = await plain.text
  for (const draft of ['prompt', small] as const) {
    const drafted = model.generate(prompt, { ...options, draft })
    expect(await drafted.text).toBe(text)
    expect(drafted.stats.tokens).toBe(plain.stats.tokens)
    expect(drafted.stats.draftedTokens).toBeGreaterThan(0)
    if (draft === small) expect(drafted.stats.acceptedTokens).toBeGreaterThan(0)
  }
})
