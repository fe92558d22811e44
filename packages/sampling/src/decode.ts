import { descending } from './descending'
import { draw, logSumExp } from './distribution'
import type { Drafter } from './drafts/drafter'
import { LogitsError } from './errors'
import { eventLoopBreaks } from './event-loop'
import type { Ending, GenerationStats, Token, TokenLogprob } from './generation'
import type { Random } from './random'
import type { SamplerPlan } from './sampler-of'
import type { Session } from './session'
import { abortable, throwIfAborted } from './signals'

/** The inputs of the loop of one answer. */
export interface Decoding {
  readonly session: Session
  /** The prompt; the loop adds what it generates. */
  readonly history: number[]
  /** The logits after the prompt, if another answer has had them computed. */
  readonly first?: Float32Array | undefined
  /** The largest number of tokens of a text. */
  readonly context: number
  readonly plan: SamplerPlan
  readonly random: Random
  /** A source that starts with the number that `random` returns next, without consuming it. */
  readonly ahead: () => Random
  readonly drafter: Drafter | undefined
  readonly maxTokens: number
  readonly minTokens: number
  readonly stopIds: ReadonlySet<number>
  readonly bannedIds: ReadonlySet<number>
  readonly vocabSize: number | undefined
  readonly logprobs: number | undefined
  readonly signal: AbortSignal | undefined
  readonly onPromptProgress: ((done: number, total: number) => void) | undefined
  readonly stats: GenerationStats
}

/**
 * Generates token after token. Each turn of the outer loop is one pass of the model, over the tokens that the session
 * does not hold yet and, with speculative decoding, over a draft of the tokens that might follow. Every token is chosen
 * by the same sampler and random numbers from the same logits, whether it was drafted or not; a draft only decides how
 * many of them one pass gives.
 */
export async function* decode(decoding: Decoding): AsyncGenerator<Token, Ending, void> {
  const { session, history, context, drafter, maxTokens, stopIds, signal, stats } = decoding
  const eventLoopBreak = eventLoopBreaks()
  let { first } = decoding
  for (;;) {
    await eventLoopBreak()
    throwIfAborted(signal)
    let start = performance.now()
    // A draft is followed by one more token, which is not run.
    const room = Math.min(maxTokens - stats.tokens - 1, context - history.length)
    const draft = drafter && stats.tokens > 0 && room > 0 ? await drafter.propose(history, room) : []
    const choose = first ? fromLogits(decoding, [first]) : await pass(decoding, draft)
    first = undefined

    stats.draftedTokens += draft.length
    let at = 0
    for (; ; at++) {
      const { id, logits } = choose(at)
      const seconds = (performance.now() - start) / 1000
      if (stats.tokens === 0) stats.promptSeconds += seconds
      else stats.decodeSeconds += seconds

      if (stopIds.has(id)) return { finishReason: 'stop', stopped: { id } }
      const isDrafted = at < draft.length && draft[at] === id
      stats.tokens++
      if (isDrafted) stats.acceptedTokens++
      yield decoding.logprobs === undefined
        ? { id }
        : { id, ...logprobs(logits as Float32Array, id, decoding.logprobs) }
      if (stats.tokens === maxTokens) return { finishReason: 'length' }
      // There is no position left at which the last id could run, so nothing can follow it.
      if (history.length === context) return { finishReason: 'context' }
      history.push(id)
      if (!isDrafted) break
      throwIfAborted(signal)
      start = performance.now()
    }
    if (draft.length > 0) {
      session.rewind(history.length - 1)
      drafter?.learn(at, draft.length)
    }
  }
}

/** The token chosen in one place of a pass, and the logits that it was chosen from, if they were sent. */
interface Choice {
  readonly id: number
  readonly logits?: Float32Array
}

/**
 * Runs the tokens that the session does not hold yet, then the draft.
 *
 * @returns the choice after the last token (0), and after each token of the draft (1, 2, …). Call it in this order, because
 *   each call takes random numbers.
 */
const pass = async (decoding: Decoding, draft: readonly number[]): Promise<(at: number) => Choice> => {
  const { session, history, plan, vocabSize, signal, stats } = decoding
  const held = session.length
  const ids = [...history.slice(held), ...draft]
  const progress = stats.tokens === 0 ? decoding.onPromptProgress : undefined
  let told = held
  const onProgress =
    progress &&
    ((done: number) => {
      told = held + done
      progress(told, history.length)
    })
  const request = { logits: draft.length > 0 ? ('all' as const) : ('last' as const), signal, onProgress }
  const needsLogits = decoding.logprobs !== undefined || barred(decoding).length > 0
  const choose = async () => {
    if (plan.isGreedy && session.canBeGreedy && !needsLogits)
      return fromIds(await abortable(session.greedy(ids, { ...request, vocabSize }), signal))
    const { nucleus } = plan
    if (!nucleus || nucleus.temperature < LEAST_TEMPERATURE || !session.canDraw || needsLogits || draft.length > 0)
      return fromLogits(decoding, await abortable(session.forward(ids, request), signal))
    const { ahead, random } = decoding
    const drawRequest = { ...nucleus, vocabSize, random: ahead(), signal, onProgress }
    const drawn = fromIds(await abortable(session.draw(ids, drawRequest), signal))
    random() // the draw has used it
    return drawn
  }
  const choice = await choose()
  if (progress && told < history.length) progress(history.length, history.length)
  return choice
}

/** Below this, quotients of logits may exceed the f32 of a device. */
const LEAST_TEMPERATURE = 1e-3

const fromIds =
  (ids: readonly number[]) =>
  (at: number): Choice => {
    if (ids[at] >= 0) return { id: ids[at] }
    throw new LogitsError('a logit is NaN or infinite, or none is left: the model or its weights are broken')
  }

const fromLogits =
  (decoding: Decoding, rows: readonly Float32Array[]) =>
  (at: number): Choice => {
    const { history, plan, random, vocabSize } = decoding
    const logits = rows[at].subarray(0, vocabSize)
    const ids = barred(decoding)
    const allowed = ids.length > 0 ? logits.slice() : logits
    for (const id of ids) if (id < allowed.length) allowed[id] = -Infinity
    return { id: draw(plan.sampler(allowed, history), random), logits }
  }

/** The ids that must not be drawn next. */
const barred = ({ bannedIds, stopIds, minTokens, stats }: Decoding): number[] =>
  stats.tokens < minTokens ? [...bannedIds, ...stopIds] : [...bannedIds]

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
