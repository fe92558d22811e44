import { OptionError } from './errors'
import { chain, minP, repetitionPenalty, type Sampler, temperature, topK, topP } from './samplers'

/** How the next token is chosen. The defaults are those of LLaMA 2's generation code: temperature 0.6, top-p 0.9. */
export interface SamplingOptions {
  /** At least 0; 0 is greedy: the most likely token, the lowest id on a tie. Default 0.6. */
  readonly temperature?: number | undefined
  /** Draw from this many most likely tokens only: a whole number of at least 1. Default: all. */
  readonly topK?: number | undefined
  /** Draw from the fewest most likely tokens that have this much of the probability: above 0, at most 1. Default 0.9. */
  readonly topP?: number | undefined
  /** Draw from tokens at least this many times as likely as the most likely one: from 0 to 1. Default 0. */
  readonly minP?: number | undefined
  /** Divides (a logit above 0) or multiplies (one below) the logits of tokens seen so far: 0.01 to 100. Default 1. */
  readonly repetitionPenalty?: number | undefined
}

/** The options of `generate`. */
export interface GenerateOptions extends SamplingOptions {
  /** A sampler of one's own, in place of the five options above; to give one of them as well is an error. */
  readonly sampler?: Sampler | undefined
  /** The same seed and logits give the same tokens: a whole number from 0 to 2^53 - 1. Default: a random one. */
  readonly seed?: number | undefined
  /** The most tokens to generate: a whole number of at least 1. Default: until the context is full. */
  readonly maxTokens?: number | undefined
  /** Ids that end the generation, themselves not given: EOS, and BOS for a model trained on texts end to end. */
  readonly stopIds?: readonly number[] | undefined
  /** Draw only ids below this: a model's vocabulary may be padded beyond its tokenizer's. Default: all of the model's. */
  readonly vocabSize?: number | undefined
  /** Give each token's log-probability, and those of this many most likely tokens (0: the token's own alone). */
  readonly logprobs?: number | undefined
  /** Run the prompt in chunks of this many tokens, which bounds the memory of a pass. Default: all at once. */
  readonly prefillChunk?: number | undefined
  /** Ends the generation at once, also amid a pass: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** What an option accepts, in words and as a test. */
export interface Rule {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
}

/** One rule for each option of an interface. */
export type Rules<Options> = Readonly<Record<keyof Options, Rule>>

const number = (expected: string, inRange: (value: number) => boolean): Rule => ({
  expected,
  accepts: value => typeof value === 'number' && Number.isFinite(value) && inRange(value),
})

const count = (least: number): Rule =>
  number(`a whole number of at least ${least}`, value => Number.isSafeInteger(value) && value >= least)

const samplingRules: Rules<SamplingOptions> = {
  temperature: number('a number of at least 0 (0 takes the most likely token)', value => value >= 0),
  topK: count(1),
  topP: number('a number above 0 and at most 1 (1 keeps every token)', value => value > 0 && value <= 1),
  minP: number('a number from 0 to 1 (0 keeps every token)', value => value >= 0 && value <= 1),
  repetitionPenalty: number('a number from 0.01 to 100 (1 changes nothing)', value => value >= 0.01 && value <= 100),
}

/** Whether the value can be a token id. */
export const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

export const generateRules: Rules<GenerateOptions> = {
  ...samplingRules,
  sampler: { expected: 'a function from logits to logits', accepts: value => typeof value === 'function' },
  seed: number('a whole number from 0 to 2^53 - 1', isId),
  maxTokens: count(1),
  stopIds: { expected: 'an array of token ids', accepts: value => Array.isArray(value) && value.every(isId) },
  vocabSize: count(1),
  logprobs: count(0),
  prefillChunk: count(1),
  signal: { expected: 'an AbortSignal', accepts: value => value instanceof AbortSignal },
}

/**
 * Checks every option against its rule; one set to undefined counts as left out.
 *
 * @throws OptionError for the first that is out of range, or that no rule knows
 */
export const checkOptions = (options: object, rules: Readonly<Record<string, Rule>>): void => {
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (!Object.hasOwn(rules, option)) {
      throw new OptionError(option, value, `one of the options ${Object.keys(rules).join(', ')}`)
    }
    if (!rules[option].accepts(value)) throw new OptionError(option, value, rules[option].expected)
  }
}

/**
 * The chain that the options stand for, in this order: repetition penalty, temperature, top-k, top-p, min-p.
 *
 * LLaMA's own generation code applies the temperature, then top-p to what the temperature made; the others stand where
 * Hugging Face transformers has them. llama.cpp applies the temperature last, so its top-p and min-p see the
 * distribution of temperature 1, and the same numbers there keep other tokens.
 *
 * @throws OptionError if an option is out of range or unknown
 */
export const samplerOf = (options: SamplingOptions): Sampler => {
  checkOptions(options, samplingRules)
  const samplers: Sampler[] = []
  if (options.repetitionPenalty !== undefined) samplers.push(repetitionPenalty(options.repetitionPenalty))
  samplers.push(temperature(options.temperature ?? 0.6))
  // What follows keeps the most likely token whatever its value, so after a temperature of 0 it has nothing to do.
  if (options.temperature !== 0) {
    if (options.topK !== undefined) samplers.push(topK(options.topK))
    samplers.push(topP(options.topP ?? 0.9))
    if (options.minP !== undefined) samplers.push(minP(options.minP))
  }
  return chain(...samplers)
}

/**
 * The sampler of generation options: the one given, or the chain of the five sampling options.
 *
 * @throws OptionError if both are given
 */
export const chosenSampler = (options: GenerateOptions): Sampler => {
  const { temperature, topK, topP, minP, repetitionPenalty } = options
  const named: SamplingOptions = { temperature, topK, topP, minP, repetitionPenalty }
  if (options.sampler === undefined) return samplerOf(named)
  for (const [option, value] of Object.entries(named)) {
    if (value !== undefined) throw new OptionError(option, value, 'it to be left out beside a sampler')
  }
  return options.sampler
}
