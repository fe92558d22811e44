import { descending } from './descending'
import { draw, logSumExp } from './distribution'
import { PromptError } from './errors'
import { abortable, eventLoopBreaks } from './event-loop'
import { type FinishReason, Generation, type GenerationStats } from './generation'
import { checkOptions, chosenSampler, type GenerateOptions, generateRules, isId } from './options'
import { freshSeed, type Random, xorshift } from './random'
import type { Sampler } from './samplers'

/** What `generate` drives: a Cria model, or any other that gives logits for the ids so far. */
export interface CausalModel<Cache = unknown> {
  /** Positions that the cache can hold. */
  readonly maxSeqLen: number
  /** @param options.capacity the positions that will be used at most, which may save memory */
  createCache(options: { readonly capacity: number }): Cache & { dispose(): void }
  /**
   * Runs the ids at the positions that follow those already in the cache, which it extends.
   *
   * @returns the logits `[vocab]` of the last position, still on their device. `dispose` may be called before a `read`
   *   has come back; how that read then ends is ignored.
   */
  forward(ids: readonly number[], cache: Cache): { read(): Promise<Float32Array>; dispose(): void }
}

/** A token and the natural logarithm of its probability, in the model's own distribution (of temperature 1). */
export interface TokenLogprob {
  readonly id: number
  readonly logprob: number
}

/** A generated token. */
export interface Token {
  readonly id: number
  /** Present if the option `logprobs` is given. */
  readonly logprob?: number
  /** The most likely tokens here, as many as the option `logprobs` says, the likeliest first. */
  readonly top?: readonly TokenLogprob[]
}

/**
 * Generates tokens that follow the prompt, one at a time as they are asked for.
 *
 * Nothing runs before the iteration starts. When it ends, in whichever way (the last token, `break`, an error, an
 * abort), the cache and all logits have been disposed of.
 *
 * @param prompt ids, at least one (BOS)
 * @throws OptionError, at the call, if an option is out of range or unknown
 * @throws PromptError, at the call, if the prompt is empty, holds what is no id, or is longer than the context
 * @throws LogitsError, while iterating, if the model's logits hold NaN or Infinity
 */
export const generate = <Cache>(
  model: CausalModel<Cache>,
  prompt: ArrayLike<number>,
  options: GenerateOptions = {},
): Generation<Token> => {
  checkOptions(options, generateRules)
  const sampler = chosenSampler(options)
  const history = checkPrompt(prompt, model.maxSeqLen)
  const seed = options.seed ?? freshSeed()
  const stats = { promptTokens: history.length, tokens: 0, promptSeconds: 0, decodeSeconds: 0 }
  return new Generation(seed, stats, tokens(model, history, options, sampler, xorshift(seed), stats))
}

async function* tokens<Cache>(
  model: CausalModel<Cache>,
  history: number[],
  options: GenerateOptions,
  sampler: Sampler,
  random: Random,
  stats: GenerationStats,
): AsyncGenerator<Token, FinishReason, void> {
  const { maxTokens = Infinity, stopIds = [], vocabSize, signal } = options
  signal?.throwIfAborted()
  const breathe = eventLoopBreaks()
  const cache = model.createCache({ capacity: Math.min(model.maxSeqLen, history.length + maxTokens - 1) })
  try {
    let next: readonly number[] = history.slice()
    for (;;) {
      const start = performance.now()
      const logits = (await lastLogits(model, next, cache, options, breathe)).subarray(0, vocabSize)
      const id = draw(sampler(logits, history), random)
      const seconds = (performance.now() - start) / 1000
      if (stats.tokens === 0) stats.promptSeconds = seconds
      else stats.decodeSeconds += seconds

      if (stopIds.includes(id)) return 'stop'
      stats.tokens++
      yield options.logprobs === undefined ? { id } : { id, ...logprobs(logits, id, options.logprobs) }
      if (stats.tokens === maxTokens) return 'length'
      // The id just given has no position left to be run at, so nothing can follow it.
      if (history.length === model.maxSeqLen) return 'context'
      history.push(id)
      next = [id]
    }
  } finally {
    cache.dispose()
  }
}

/** The logits of the last of `ids`, which are run in chunks if the options say so. */
const lastLogits = async <Cache>(
  model: CausalModel<Cache>,
  ids: readonly number[],
  cache: Cache,
  { prefillChunk = ids.length, signal }: GenerateOptions,
  breathe: () => Promise<void>,
): Promise<Float32Array> => {
  for (let at = 0; ; at += prefillChunk) {
    await breathe()
    signal?.throwIfAborted()
    const logits = model.forward(ids.slice(at, at + prefillChunk), cache)
    try {
      if (at + prefillChunk >= ids.length) return await abortable(logits.read(), signal)
    } finally {
      logits.dispose()
    }
  }
}

const logprobs = (logits: Float32Array, id: number, alternatives: number): { logprob: number; top: TokenLogprob[] } => {
  const total = logSumExp(logits)
  const top: TokenLogprob[] = []
  if (alternatives > 0) {
    for (const likely of descending(logits)) {
      top.push({ id: likely, logprob: logits[likely] - total })
      if (top.length === alternatives) break
    }
  }
  return { logprob: logits[id] - total, top }
}

const checkPrompt = (prompt: ArrayLike<number>, maxSeqLen: number): number[] => {
  const ids = Array.from(prompt)
  if (ids.length === 0) throw new PromptError('the prompt holds no token: give at least BOS')
  if (ids.length > maxSeqLen) {
    throw new PromptError(
      `the prompt is ${ids.length} tokens long and the model's context ${maxSeqLen}: shorten the prompt`,
    )
  }
  const wrong = ids.findIndex(id => !isId(id))
  if (wrong >= 0)
    throw new PromptError(`token ${wrong} of the prompt is ${ids[wrong]}: expected a whole number of at least 0`)
  return ids
}
