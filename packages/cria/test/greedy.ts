import type { Model } from '../src'
import type { GoldenCase } from './stories'

// Runs in Node and in pages alike.

/** What a case's prompt is continued with, token by token through a cache. */
export const generateGreedily = async (
  model: Model,
  { prompt, prompt_ids, steps }: Pick<GoldenCase, 'prompt' | 'prompt_ids' | 'steps'>,
): Promise<{ text: string; ids: number[] }> => {
  const ids: number[] = []
  let text = prompt
  const options = {
    temperature: 0,
    maxTokens: steps - prompt_ids.length + 1,
    onToken: ({ id }: { id: number }) => ids.push(id),
  }
  for await (const piece of model.generate(prompt, options)) text += piece
  return { text, ids }
}

/** The most likely token after each of `ids`, which run in chunks as a long prompt does. */
export const likeliestAfterEach = async (model: Model, ids: readonly number[]): Promise<number[]> => {
  const CHUNK = 64
  using cache = model.createCache({ capacity: ids.length })
  const likeliest: number[] = []
  for (let at = 0; at < ids.length; at += CHUNK) {
    using logits = model.forward(ids.slice(at, at + CHUNK), cache, 'all')
    const values = await logits.read()
    const vocab = logits.shape[2]
    for (let row = 0; row < values.length; row += vocab) {
      const scores = values.subarray(row, row + vocab)
      likeliest.push(scores.indexOf(scores.reduce((a, b) => Math.max(a, b))))
    }
  }
  return likeliest
}
