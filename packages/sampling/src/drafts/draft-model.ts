import { draw } from '../distribution'
import { LogitsError } from '../errors'
import type { RandomStream } from '../random'
import type { SamplerPlan } from '../sampler-of'
import type { Session } from '../session'
import { abortable } from '../signals'
import { type Drafter, DraftLength } from './drafter'

/** What a drafting model is given. */
export interface DraftModelOptions {
  readonly session: Session
  /** Ends the use of the session. */
  readonly dispose: () => void
  /** Tokens of a draft at most. */
  readonly most: number
  /** The samplers of the generation, which take XTC's numbers from `random`. */
  readonly plan: (random: () => number) => SamplerPlan
  readonly random: RandomStream
  readonly vocabSize: number | undefined
  readonly stopIds: ReadonlySet<number>
  readonly signal: AbortSignal | undefined
}

/**
 * Speculative decoding (Leviathan et al., Fast Inference from Transformers via Speculative Decoding, 2023) with a small
 * model of the same vocabulary. It draws with the samplers and the very random numbers that the large model will draw
 * with, so where their distributions agree, so do their tokens; where not, the draft is dropped from there.
 */
export const draftModel = (options: DraftModelOptions): Drafter => {
  const { session, vocabSize, stopIds, signal } = options
  const length = new DraftLength(options.most)
  let random = options.random.ahead()
  const plan = options.plan(() => random())

  const next = async (ids: readonly number[], text: readonly number[]): Promise<number> => {
    if (plan.isGreedy && session.canBeGreedy) {
      const [id] = await abortable(session.greedy(ids, { vocabSize, signal }), signal)
      if (id < 0) throw new LogitsError('a logit of the draft model is NaN or infinite: its weights are broken')
      return id
    }
    const [logits] = await abortable(session.forward(ids, { signal }), signal)
    return draw(plan.sampler(logits.subarray(0, vocabSize), text), random)
  }

  return {
    async propose(history, room) {
      const text = history.slice()
      // The draft itself is run too, except its last token.
      const most = Math.min(room, length.tokens, session.capacity - history.length + 1)
      random = options.random.ahead()
      if (most > 0) await session.keep(text)
      while (text.length < history.length + most) {
        const id = await next(text.slice(session.length), text)
        text.push(id)
        if (stopIds.has(id)) break
      }
      return text.slice(history.length)
    },
    learn: (accepted, drafted) => length.learn(accepted, drafted),
    dispose: options.dispose,
  }
}
