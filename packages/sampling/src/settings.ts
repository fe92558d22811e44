import { OptionError, PromptError } from './errors'
import { checkOptions } from './options/check'
import { isId, type OptionsOf } from './options/kinds'
import { samplingOptions, tokenOptions } from './options/table'
import { freshSeed } from './random'
import { type SamplerContext, type SamplerPlan, type SamplingOptions, samplerPlan } from './sampler-of'

/** The options of `generate`; `generationOptions` says what each does. */
export type GenerateOptions = OptionsOf<typeof tokenOptions>

/** Options of `generate` after their check. */
export interface Settings {
  readonly options: GenerateOptions
  readonly stopIds: ReadonlySet<number>
  readonly bannedIds: ReadonlySet<number>
  readonly seed: number
}

/** @throws OptionError if an option is out of range or unknown, or excludes another */
export const settingsOf = (options: GenerateOptions): Settings => {
  checkOptions(options, tokenOptions)
  checkSamplers(options)
  const [stopIds, bannedIds] = [idSet('stopIds', options), idSet('bannedIds', options)]
  return { options, stopIds, bannedIds, seed: options.seed ?? freshSeed() }
}

/** The ids of an option, which may be an iterator: it is read once, here. */
const idSet = (option: 'stopIds' | 'bannedIds', { [option]: ids }: GenerateOptions): ReadonlySet<number> => {
  const set = new Set(ids)
  for (const id of set) if (!isId(id)) throw new OptionError(option, [...set], tokenOptions[option].expected)
  return set
}

/** @throws OptionError if sampling options exclude each other */
export const checkSamplers = (options: GenerateOptions): void => {
  chosenPlan(options, { random: () => 0 })
}

/** The sampler given, or those that the sampling options ask for. */
export const chosenPlan = (options: GenerateOptions, context: SamplerContext): SamplerPlan => {
  const named = Object.fromEntries(
    Object.entries(options).filter(([option, value]) => value !== undefined && Object.hasOwn(samplingOptions, option)),
  ) as SamplingOptions
  if (options.sampler === undefined) return samplerPlan(named, context)
  for (const [option, value] of Object.entries(named))
    throw new OptionError(option, value, 'it to be left out beside a sampler')
  return { sampler: options.sampler, isGreedy: false }
}

/**
 * The ids of a prompt, as a new array.
 *
 * @throws PromptError if the prompt is empty, has a value that is not an id, or has more than `context` ids
 */
export const promptIds = (prompt: ArrayLike<number>, context: number): number[] => {
  if (typeof (prompt as Partial<ArrayLike<number>> | null | undefined)?.length !== 'number')
    throw new PromptError(`the prompt is ${prompt === null ? 'null' : typeof prompt}: give a text or token ids`)
  if (prompt.length === 0) throw new PromptError('the prompt holds no token: give at least BOS')
  if (prompt.length > context) {
    throw new PromptError(
      `the prompt is ${prompt.length} tokens long and the model's context ${context}: shorten the prompt`,
    )
  }
  const ids = Array.from(prompt)
  const wrong = ids.findIndex(id => !isId(id))
  if (wrong >= 0)
    throw new PromptError(`token ${wrong} of the prompt is ${ids[wrong]}: expected a whole number of at least 0`)
  return ids
}
