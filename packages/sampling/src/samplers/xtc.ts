import { argMax, partition } from '../distribution'
import type { Random } from '../random'
import type { Sampler } from './chain'

/** Settings of XTC. */
export interface XtcOptions {
  /** How often it acts: from 0 to 1. */
  readonly probability: number
  /** Tokens of at least this probability are top choices: from 0 to 0.5. */
  readonly threshold: number
  /** Where it takes a number from, one for each token, to decide whether it acts. */
  readonly random: Random
  /** It does not act where it would bar one of these ids, such as an end token. */
  readonly spared?: Iterable<number> | undefined
}

/**
 * XTC, exclude top choices (p-e-w, pull request 6335 of text-generation-webui, 2024): with the given probability, it bars
 * all tokens that are at least as likely as the threshold, except the least likely of them. If fewer than two are, it
 * changes nothing.
 */
export const xtc = ({ probability, threshold, random, spared = [] }: XtcOptions): Sampler => {
  const sparedIds = [...spared]
  return logits => {
    // A number is always taken, so that later draws do not depend on these logits.
    if (random() >= probability) return logits
    const max = logits[argMax(logits)]
    const total = partition(logits, max)
    const isTop = (id: number) => logits[id] > -Infinity && Math.exp(logits[id] - max) >= threshold * total
    let least = -1
    for (let id = 0; id < logits.length; id++) {
      // On a tie the higher id is the less likely one, as everywhere here.
      if (isTop(id) && (least < 0 || logits[id] <= logits[least])) least = id
    }
    const isBarred = (id: number) => id !== least && isTop(id)
    if (least < 0 || sparedIds.some(id => id < logits.length && isBarred(id))) return logits
    return logits.map((logit, id) => (isBarred(id) ? -Infinity : logit))
  }
}
