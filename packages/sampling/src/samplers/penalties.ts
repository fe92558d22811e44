import type { Sampler } from './chain'

/** Which tokens a penalty sees. */
export interface PenaltyScope {
  /** The last tokens only, this many. Default: all. */
  readonly window?: number | undefined
  /** Leave out the first tokens, this many: the prompt. Default 0. */
  readonly from?: number | undefined
}

/**
 * Makes tokens of the history less likely (Keskar et al., CTRL, 2019, section 4.1): a logit above 0 is divided by
 * `penalty`, one below is multiplied, once however often the token occurred. The prompt counts too.
 *
 * @param penalty from 0.01 to 100; 1 changes nothing, less favours repetition
 */
export const repetitionPenalty =
  (penalty: number, scope: PenaltyScope = {}): Sampler =>
  (logits, history) => {
    const result = logits.slice()
    for (const id of counts(history, scope).keys()) {
      if (id < logits.length) result[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty
    }
    return result
  }

/**
 * Takes `penalty` from a token's logit for each time that the token was generated (OpenAI's API: logit - count *
 * penalty).
 *
 * @param penalty from -2 to 2; 0 changes nothing, less favours repetition
 */
export const frequencyPenalty =
  (penalty: number, scope: PenaltyScope = {}): Sampler =>
  (logits, history) => {
    const result = logits.slice()
    for (const [id, count] of counts(history, scope)) if (id < logits.length) result[id] -= count * penalty
    return result
  }

/**
 * Takes `penalty` once from the logit of each token that was generated (OpenAI's API).
 *
 * @param penalty from -2 to 2; 0 changes nothing, less favours repetition
 */
export const presencePenalty =
  (penalty: number, scope: PenaltyScope = {}): Sampler =>
  (logits, history) => {
    const result = logits.slice()
    for (const id of counts(history, scope).keys()) if (id < logits.length) result[id] -= penalty
    return result
  }

/** How often each id occurs. */
const counts = (history: readonly number[], { window = Infinity, from = 0 }: PenaltyScope): Map<number, number> => {
  const result = new Map<number, number>()
  for (let i = Math.max(from, history.length - window); i < history.length; i++)
    result.set(history[i], (result.get(history[i]) ?? 0) + 1)
  return result
}

/**
 * Adds to the logits of ids, such as OpenAI's `logit_bias`; -Infinity bars an id.
 *
 * @param bias numbers by id
 */
export const logitBias = (bias: Readonly<Record<number, number>> | ReadonlyMap<number, number>): Sampler => {
  const entries = bias instanceof Map ? [...bias] : Object.entries(bias).map(([id, by]) => [Number(id), by] as const)
  return logits => {
    const result = logits.slice()
    for (const [id, by] of entries) if (id < logits.length) result[id] += by
    return result
  }
}
