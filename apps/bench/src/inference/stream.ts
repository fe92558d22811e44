import type { Sample } from '../job'

/** How much one run computes. */
export interface StreamSize {
  /** Tokens of the prompt of each sequence, from an empty context. */
  readonly prompt: number
  /** Tokens that each sequence holds before decoding is timed: at least the prompt. */
  readonly depth: number
  /** Tokens that each sequence decodes after that, one in each pass. */
  readonly tokens: number
  /** Sequences that are decoded together. */
  readonly sequences: number
}

/** Seconds of one run. */
export interface StreamSample extends Sample {
  /** The prompts of all sequences, until the first token of each is known. */
  readonly prefill: number
  /** All tokens that are decoded. */
  readonly decode: number
}

/** The same ids for every contender, spread over the vocabulary, without the three special ones. */
export const fixedIds = (count: number, vocabSize: number): number[] =>
  Array.from({ length: count }, (_, i) => 3 + ((Math.imul(i + 1, 0x9e3779b1) >>> 0) % (vocabSize - 3)))

/** Adds tokens to each of the sequences, and resolves when the next token of each is known. */
export type Extend = (additions: readonly (readonly number[])[]) => Promise<unknown>

/**
 * Times a stream of fixed ids, so that all contenders do the same work whatever tokens they would choose: the prompt, then
 * (untimed) more tokens up to the depth, then one token at a time.
 */
export const timeStream = async (
  { prompt, depth, tokens, sequences }: StreamSize,
  vocabSize: number,
  extend: Extend,
): Promise<StreamSample> => {
  const length = depth + tokens
  const all = fixedIds(length * sequences, vocabSize)
  const ids = Array.from({ length: sequences }, (_, i) => all.slice(i * length, (i + 1) * length))
  const cut = (from: number, to: number) => ids.map(each => each.slice(from, to))
  const start = performance.now()
  await extend(cut(0, prompt))
  const prefill = (performance.now() - start) / 1000
  if (depth > prompt) await extend(cut(prompt, depth))
  const begin = performance.now()
  for (let t = depth; t < length; t++) await extend(cut(t, t + 1))
  return { prefill, decode: (performance.now() - begin) / 1000 }
}
