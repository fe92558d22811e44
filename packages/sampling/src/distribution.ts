import { LogitsError } from './errors'
import type { Random } from './random'

/**
 * The id of the greatest logit, the lowest of them on a tie.
 *
 * @throws LogitsError if there is none: a logit is NaN or Infinity, or all are -Infinity
 */
export const argMax = (logits: Float32Array): number => {
  let best = -1
  let max = -Infinity
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]
    if (logit > max) {
      max = logit
      best = id
    } else if (Number.isNaN(logit))
      throw new LogitsError(`the logit of id ${id} is NaN: the model or its weights are broken`)
  }
  if (max === Infinity)
    throw new LogitsError(`the logit of id ${best} is Infinity: the model or its weights are broken`)
  if (best < 0) throw new LogitsError('all logits are -Infinity: no token is left to choose')
  return best
}

/** The sum of e^(logit - max) over all logits: what the softmax of max-shifted logits divides by. At least 1. */
export const partition = (logits: Float32Array, max: number): number => {
  let sum = 0
  // After a sampler has set most logits to -Infinity, this comparison avoids most exponentials.
  for (let id = 0; id < logits.length; id++) if (logits[id] > -Infinity) sum += Math.exp(logits[id] - max)
  return sum
}

/**
 * The logarithm of the sum of e^logit. A logit minus this number is the log-probability.
 *
 * @throws LogitsError as `argMax`
 */
export const logSumExp = (logits: Float32Array): number => {
  const max = logits[argMax(logits)]
  return max + Math.log(partition(logits, max))
}

/**
 * A token drawn from softmax(logits): one random number is looked up in the cumulative distribution, in order of id.
 *
 * @throws LogitsError as `argMax`
 */
export const draw = (logits: Float32Array, random: Random): number => {
  const best = argMax(logits)
  const max = logits[best]
  let rest = random() * partition(logits, max)
  for (let id = 0; id < logits.length; id++) {
    if (logits[id] === -Infinity) continue
    const mass = Math.exp(logits[id] - max)
    if (rest < mass) return id
    rest -= mass
  }
  // Reached only by rounding errors of the subtractions. The most likely token is always a valid result.
  return best
}
