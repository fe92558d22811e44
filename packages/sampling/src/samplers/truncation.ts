import { descending } from '../descending'
import { argMax, partition } from '../distribution'
import { keep, type Sampler } from './chain'

/**
 * Divides the logits by `t`: below 1 the distribution gets sharper, above 1 flatter. The logits are shifted first so
 * that the greatest is 0, which leaves their softmax as it is and lets no temperature overflow.
 *
 * @param t at least 0; the limit 0 is greedy and bars all tokens but the most likely, the lowest id on a tie
 */
export const temperature =
  (t: number): Sampler =>
  logits => {
    const best = argMax(logits)
    if (t === 0) return keep(logits, [best])
    const max = logits[best]
    const result = new Float32Array(logits.length)
    for (let id = 0; id < logits.length; id++) result[id] = (logits[id] - max) / t
    return result
  }

/** Keeps the `k` greatest logits, the lower ids on a tie (Fan et al., Hierarchical Neural Story Generation, 2018). */
export const topK =
  (k: number): Sampler =>
  logits => {
    const kept: number[] = []
    for (const id of descending(logits)) {
      kept.push(id)
      if (kept.length === k) break
    }
    return keep(logits, kept)
  }

/**
 * Keeps the nucleus: the fewest most likely tokens whose probabilities add up to at least `p`, the one that crosses
 * `p` among them (Holtzman et al., The Curious Case of Neural Text Degeneration, 2020, section 3.1).
 *
 * @param p above 0 and at most 1
 */
export const topP =
  (p: number): Sampler =>
  logits => {
    if (p === 1) return logits
    const max = logits[argMax(logits)]
    const total = partition(logits, max)
    // At the end of the nucleus, a mass above 1 - p is left in fewer than `vocab` tokens, none more likely
    // than its last one. So a token below (1 - p) / vocab is outside, and need not be sorted (the factor 0.999
    // keeps rounding on the safe side).
    const floor = max + Math.log((0.999 * (1 - p) * total) / logits.length)
    const kept: number[] = []
    let mass = 0
    for (const id of descending(logits, floor)) {
      kept.push(id)
      mass += Math.exp(logits[id] - max)
      if (mass >= p * total) break
    }
    return keep(logits, kept)
  }

/**
 * Keeps the tokens at least `p` times as likely as the most likely one (Nguyen et al., Turning Up the Heat: Min-p
 * Sampling, 2024).
 *
 * @param p from 0 to 1
 */
export const minP =
  (p: number): Sampler =>
  logits => {
    const floor = logits[argMax(logits)] + Math.log(p)
    const result = new Float32Array(logits.length)
    for (let id = 0; id < logits.length; id++) result[id] = logits[id] >= floor ? logits[id] : -Infinity
    return result
  }

/**
 * Keeps the locally typical set: the tokens whose surprise (-log p) is nearest to the expected surprise, the entropy,
 * until their probabilities add up to at least `p` (Meister et al., Locally Typical Sampling, 2022, section 3). The
 * most likely token may be barred.
 *
 * @param p above 0 and at most 1
 */
export const typicalP =
  (p: number): Sampler =>
  logits => {
    if (p === 1) return logits
    const max = logits[argMax(logits)]
    const total = partition(logits, max)
    const logTotal = Math.log(total)
    let entropy = 0
    for (const logit of logits) {
      const logProbability = logit - max - logTotal
      if (logit > -Infinity) entropy -= Math.exp(logProbability) * logProbability
    }
    const typicality = new Float64Array(logits.length)
    for (let id = 0; id < logits.length; id++) typicality[id] = -Math.abs(max + logTotal - logits[id] - entropy)
    const kept: number[] = []
    let mass = 0
    for (const id of descending(typicality)) {
      kept.push(id)
      mass += Math.exp(logits[id] - max)
      if (mass >= p * total) break
    }
    return keep(logits, kept)
  }
