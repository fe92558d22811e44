import type { Sample } from '../job'

/** How much is computed: a prompt in one pass, then one token at a time. */
export interface StreamSize {
  readonly prompt: number
  readonly tokens: number
}

/** Seconds of one run. */
export interface StreamSample extends Sample {
  /** The pass over the prompt. */
  readonly prefill: number
  /** From the question to the first token's id. */
  readonly firstToken: number
  /** All tokens after the first. */
  readonly decode: number
}

/** The same ids for every contender, spread over the vocabulary; the first few are special and left out. */
export const fixedIds = (count: number, vocabSize: number): number[] =>
  Array.from({ length: count }, (_, i) => 3 + ((Math.imul(i + 1, 0x9e3779b1) >>> 0) % (vocabSize - 3)))

/**
 * Times a stream of fixed ids, so that no contender's choice of words makes its work another's.
 * @param step evaluates the ids that follow and resolves once the next token is known
 */
export const timeStream = async (
  ids: readonly number[],
  { prompt, tokens }: StreamSize,
  step: (ids: number[]) => Promise<unknown>,
): Promise<StreamSample> => {
  const start = performance.now()
  await step(ids.slice(0, prompt))
  const first = performance.now()
  for (let t = prompt; t < prompt + tokens; t++) await step([ids[t]])
  const end = performance.now()
  const prefill = (first - start) / 1000
  return { prefill, firstToken: prefill, decode: (end - first) / 1000 }
}
