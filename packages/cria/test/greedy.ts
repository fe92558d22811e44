import type { Model } from '../src'
import type { TextModel } from '../src/text-model'
import type { GoldenCase } from './stories'

// Runs in Node and in pages alike.

/** What a case's prompt is continued with, token by token through a cache. */
export const generateGreedily = async (
  model: TextModel,
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

/** The most likely token after each of `ids`, which run in parts as a long prompt does. */
export const likeliestAfterEach = async (model: Model, ids: readonly number[]): Promise<number[]> => {
  const PART = 64
  using cache = model.createCache()
  const sequence = cache.sequence({ capacity: ids.length })
  const likeliest: number[] = []
  for (let at = 0; at < ids.length; at += PART) {
    using logits = model.forward(ids.slice(at, at + PART), sequence, { logits: 'all' })
    const values = await logits.read()
    const [, vocab] = logits.shape
    for (let row = 0; row < values.length; row += vocab) {
      const scores = values.subarray(row, row + vocab)
      likeliest.push(scores.indexOf(scores.reduce((a, b) => Math.max(a, b))))
    }
  }
  return likeliest
}
