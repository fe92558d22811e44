import { decode } from './decode'
import { draftModel } from './drafts/draft-model'
import type { Drafter } from './drafts/drafter'
import { promptLookup } from './drafts/prompt-lookup'
import { type Ending, Generation, type GenerationStats, type Token } from './generation'
import { tokenOptions } from './options/table'
import { type RandomStream, randomStream, xorshift } from './random'
import type { SequenceModel } from './sequence'
import { createSession, Session } from './session'
import { chosenPlan, type GenerateOptions, promptIds, type Settings, settingsOf } from './settings'
import { abortable, throwIfAborted } from './signals'

/**
 * Generates tokens that follow the prompt, one at a time as they are asked for.
 *
 * Nothing runs before the iteration starts. When it ends in any way (the last token, `break`, an error, an
 * abort), everything that it allocated has been freed. A session keeps its tokens for the next generation, which computes only the part of
 * its prompt that the session does not hold.
 *
 * @param prompt ids, at least one (BOS)
 * @throws OptionError, at the call, if an option is out of range or unknown
 * @throws PromptError, at the call, if the prompt is empty, contains something that is not an id, or is longer than the context
 * @throws LogitsError, while iterating, if the model's logits hold NaN or Infinity
 * @throws SessionError, while iterating, if another generation uses the session
 */
export const generate = (
  model: SequenceModel | Session,
  prompt: ArrayLike<number>,
  options: GenerateOptions = {},
): Generation<Token> => {
  const settings = settingsOf(options)
  const history = promptIds(prompt, contextOf(model))
  const stats = emptyStats(history.length)
  return new Generation(settings.seed, stats, answer(model, history, settings, stats), options.signal)
}

/** The longest text that a model or session can hold, in tokens. */
export const contextOf = (model: SequenceModel | Session): number =>
  model instanceof Session ? model.capacity : model.maxSeqLen

/** Where a generation of this many prompt tokens starts. */
export const emptyStats = (promptTokens: number): GenerationStats => ({
  promptTokens,
  cachedTokens: 0,
  tokens: 0,
  draftedTokens: 0,
  acceptedTokens: 0,
  promptSeconds: 0,
  decodeSeconds: 0,
})

async function* answer(
  model: SequenceModel | Session,
  history: number[],
  settings: Settings,
  stats: GenerationStats,
): AsyncGenerator<Token, Ending, void> {
  const { signal } = settings.options
  throwIfAborted(signal)
  const { session, end } = lease(model, capacityFor(model, history.length, settings))
  try {
    stats.cachedTokens = await abortable(session.keep(history), signal)
    return yield* continued({ session, history, settings, stats, context: contextOf(model) })
  } finally {
    end()
  }
}

/** Positions that an answer needs: its last token is never run. */
export const capacityFor = (model: SequenceModel | Session, promptLength: number, { options }: Settings): number =>
  Math.min(contextOf(model), promptLength + (options.maxTokens ?? Infinity) - 1)

/** An answer whose session holds a prefix of its history. */
export interface Start {
  readonly session: Session
  readonly history: number[]
  readonly settings: Settings
  readonly stats: GenerationStats
  readonly context: number
  /** The seed of this answer, if it differs from the settings. */
  readonly seed?: number
  /** The logits after the history, if they are known. */
  readonly first?: Float32Array
}

/** Generates what follows. */
export async function* continued(start: Start): AsyncGenerator<Token, Ending, void> {
  const { session, history, settings, stats, context, first } = start
  const { options, stopIds, bannedIds } = settings
  const random = randomStream(xorshift(start.seed ?? settings.seed))
  const promptLength = history.length
  const planOf = (source: () => number) => chosenPlan(options, { random: source, promptLength, stopIds })
  const drafter = drafterOf(start, random, planOf)
  try {
    return yield* decode({
      ...{ session, history, first, context, drafter, stopIds, bannedIds, stats },
      plan: planOf(random.next),
      random: random.next,
      ahead: random.ahead,
      maxTokens: options.maxTokens ?? tokenOptions.maxTokens.default,
      minTokens: options.minTokens ?? tokenOptions.minTokens.default,
      vocabSize: options.vocabSize,
      logprobs: options.logprobs,
      signal: options.signal,
      onPromptProgress: options.onPromptProgress,
    })
  } finally {
    drafter?.dispose()
  }
}

const drafterOf = (
  { history, settings }: Start,
  random: RandomStream,
  plan: (random: () => number) => ReturnType<typeof chosenPlan>,
): Drafter | undefined => {
  const { draft, draftTokens: most = tokenOptions.draftTokens.default, vocabSize, signal } = settings.options
  if (draft === undefined) return undefined
  if (draft === 'prompt') return promptLookup(most)
  const { session, end } = lease(draft, capacityFor(draft, history.length, settings))
  return draftModel({ session, dispose: end, most, plan, random, vocabSize, stopIds: settings.stopIds, signal })
}

/** A session, and a function that ends its use: a given session is kept, one that was made here is freed. */
export const lease = (model: SequenceModel | Session, capacity: number): { session: Session; end: () => void } => {
  if (model instanceof Session) return { session: model, end: model.use() }
  const session = createSession(model, { capacity })
  return { session, end: () => session.dispose() }
}
