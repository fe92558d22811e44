import { OptionError } from './errors'
import { checkOptions } from './options/check'
import type { OptionsOf } from './options/kinds'
import { type SamplerName, samplerNames, samplingOptions } from './options/table'
import { freshSeed, type Random, xorshift } from './random'
import { chain, type Sampler } from './samplers/chain'
import { frequencyPenalty, logitBias, presencePenalty, repetitionPenalty } from './samplers/penalties'
import { dry, noRepeatNgram } from './samplers/repeats'
import { minP, temperature, topK, topP, typicalP } from './samplers/truncation'
import { xtc } from './samplers/xtc'

/** How the next token is chosen. The defaults are those of LLaMA 2's generation code: temperature 0.6, top-p 0.9. */
export type SamplingOptions = OptionsOf<typeof samplingOptions>

/** What samplers need to know beside their options. */
export interface SamplerContext {
  /** Where XTC takes its numbers from. */
  readonly random: Random
  /** Tokens of the prompt: frequency and presence penalties count only what was generated. Default 0. */
  readonly promptLength?: number | undefined
  /** Ids that XTC spares. Default: none. */
  readonly stopIds?: Iterable<number> | undefined
}

const defaults = samplingOptions

/** How each sampler is made from the options; false or undefined if the options do not change the logits. */
const builders: Readonly<
  Record<SamplerName, (options: SamplingOptions, context: SamplerContext) => Sampler | false | undefined>
> = {
  logitBias: ({ logitBias: bias }) => bias && logitBias(bias),
  repetitionPenalty: ({ repetitionPenalty: penalty = defaults.repetitionPenalty.default, penaltyWindow: window }) =>
    penalty !== 1 && repetitionPenalty(penalty, { window }),
  frequencyPenalty: (
    { frequencyPenalty: penalty = defaults.frequencyPenalty.default, penaltyWindow: window },
    context,
  ) => penalty !== 0 && frequencyPenalty(penalty, { window, from: context.promptLength }),
  presencePenalty: ({ presencePenalty: penalty = defaults.presencePenalty.default, penaltyWindow: window }, context) =>
    penalty !== 0 && presencePenalty(penalty, { window, from: context.promptLength }),
  noRepeatNgram: ({ noRepeatNgram: n }) => n !== undefined && noRepeatNgram(n),
  dryMultiplier: ({
    dryMultiplier: multiplier = defaults.dryMultiplier.default,
    dryBase: base = defaults.dryBase.default,
    dryAllowedLength: allowedLength = defaults.dryAllowedLength.default,
    dryBreakers,
  }) => multiplier !== 0 && dry({ multiplier, base, allowedLength, breakers: breakerIds(dryBreakers) }),
  temperature: ({ temperature: t = defaults.temperature.default }) => temperature(t),
  topK: ({ topK: k }) => k !== undefined && topK(k),
  topP: ({ topP: p = defaults.topP.default }) => p !== 1 && topP(p),
  minP: ({ minP: p = defaults.minP.default }) => p !== 0 && minP(p),
  typicalP: ({ typicalP: p = defaults.typicalP.default }) => p !== 1 && typicalP(p),
  xtcProbability: (
    {
      xtcProbability: probability = defaults.xtcProbability.default,
      xtcThreshold: threshold = defaults.xtcThreshold.default,
    },
    { random, stopIds },
  ) => probability !== 0 && xtc({ probability, threshold, random, spared: stopIds }),
}

const breakerIds = (breakers: SamplingOptions['dryBreakers']): number[] =>
  Array.from(breakers ?? [], breaker => {
    if (typeof breaker === 'number') return breaker
    throw new OptionError('dryBreakers', breaker, 'token ids: only generateText has a tokenizer for texts')
  })

/** Options without a sampler of the same name, and the samplers that they belong to. */
const settings: Readonly<Partial<Record<keyof SamplingOptions, readonly SamplerName[]>>> = {
  penaltyWindow: ['repetitionPenalty', 'frequencyPenalty', 'presencePenalty'],
  dryBase: ['dryMultiplier'],
  dryAllowedLength: ['dryMultiplier'],
  dryBreakers: ['dryMultiplier'],
  xtcThreshold: ['xtcProbability'],
}

/** The samplers of the options. */
export interface SamplerPlan {
  readonly sampler: Sampler
  /** Whether together they just take the model's most likely token. */
  readonly isGreedy: boolean
  /** What they do, if that is no more than `temperature`, then `topP` (1 without it): a device may do the same. */
  readonly nucleus?: { readonly temperature: number; readonly topP: number }
}

/**
 * The samplers that the options ask for, in the order of `samplers`.
 *
 * LLaMA's own generation code applies the temperature, then top-p to the result. The others have the order of
 * Hugging Face transformers and text-generation-webui. llama.cpp applies the temperature last, so its top-p
 * and min-p see the distribution of temperature 1, and the same numbers there keep other tokens.
 *
 * @throws OptionError if an option is out of range or unknown, or given although `samplers` leaves its sampler out
 */
export const samplerPlan = (options: SamplingOptions, context: SamplerContext): SamplerPlan => {
  checkOptions(options, samplingOptions)
  const names = options.samplers ?? samplerNames
  for (const [option, value] of Object.entries(options)) {
    const owners = settings[option as keyof SamplingOptions] ?? [option]
    if (value !== undefined && option !== 'samplers' && !owners.some(name => names.includes(name as SamplerName)))
      throw new OptionError(option, value, `it to be left out, or ${owners.join(' or ')} to be one of the samplers`)
  }
  const samplers: Sampler[] = []
  const used: SamplerName[] = []
  for (const name of names) {
    const sampler = builders[name](options, context)
    if (!sampler) continue
    samplers.push(sampler)
    used.push(name)
    // Only one token is left, and all further samplers would keep it.
    if (name === 'temperature' && options.temperature === 0)
      return { sampler: chain(...samplers), isGreedy: samplers.length === 1 }
  }
  const sampler = chain(...samplers)
  if (used.join() !== 'temperature' && used.join() !== 'temperature,topP') return { sampler, isGreedy: false }
  const { temperature: t = defaults.temperature.default, topP: p = defaults.topP.default } = options
  return { sampler, isGreedy: false, nucleus: { temperature: t, topP: used.length === 1 ? 1 : p } }
}

/**
 * The sampler of `samplerPlan`: one function from logits to logits.
 *
 * @param context needed if `xtcProbability` is given. Default: a prompt of no tokens
 * @throws OptionError as `samplerPlan`
 */
export const samplerOf = (
  options: SamplingOptions,
  context: SamplerContext = { random: xorshift(freshSeed()) },
): Sampler => samplerPlan(options, context).sampler
