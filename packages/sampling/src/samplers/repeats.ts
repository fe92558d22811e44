import type { Sampler } from './chain'

/**
 * Bars each token that would complete a run of `n` tokens that the history, prompt included, holds already (Paulus et
 * al., A Deep Reinforced Model for Abstractive Summarization, 2017, section 2.5, with n = 3).
 *
 * @param n at least 1; 1 lets no token occur twice
 */
export const noRepeatNgram =
  (n: number): Sampler =>
  (logits, history) => {
    const result = logits.slice()
    for (let end = n - 1; end < history.length; end++) {
      let same = 0
      while (same < n - 1 && history[end - 1 - same] === history[history.length - 1 - same]) same++
      if (same === n - 1 && history[end] < logits.length) result[history[end]] = -Infinity
    }
    return result
  }

/** Settings of DRY. */
export interface DryOptions {
  /** The penalty of a run of `allowedLength` tokens. */
  readonly multiplier: number
  /** The penalty grows by this factor with each further token. */
  readonly base: number
  /** Shorter runs may be repeated. */
  readonly allowedLength: number
  /** Ids that end a run: line ends, quotation marks. */
  readonly breakers: Iterable<number>
}

/** Longer runs count as long as this one, so that the penalty stays finite. */
const LONGEST_RUN = 50

/**
 * DRY, don't repeat yourself (p-e-w, pull request 5677 of text-generation-webui, 2024): a token that would extend a
 * repeat loses `multiplier * base ** (length - allowedLength)`, where `length` is that of the longest run that ends the
 * history and stood before the same token earlier. Prompt and generated tokens count alike.
 */
export const dry = ({ multiplier, base, allowedLength, breakers }: DryOptions): Sampler => {
  const broken = new Set(breakers)
  return (logits, history) => {
    const result = logits.slice()
    // Of each token: the longest run before an earlier occurrence of it that the history ends with too.
    const longest = new Map<number, number>()
    for (let next = 1; next < history.length; next++) {
      const length = commonRun(history, next, broken)
      const id = history[next]
      if (length > (longest.get(id) ?? 0) && !broken.has(id)) longest.set(id, length)
    }
    for (const [id, length] of longest) {
      if (length >= allowedLength && id < logits.length) result[id] -= multiplier * base ** (length - allowedLength)
    }
    return result
  }
}

/** How many tokens before `next` equal the last ones of the history, up to a breaker. */
const commonRun = (history: readonly number[], next: number, broken: ReadonlySet<number>): number => {
  let length = 0
  while (length < LONGEST_RUN && length < next) {
    const id = history[history.length - 1 - length]
    if (history[next - 1 - length] !== id || broken.has(id)) break
    length++
  }
  return length
}
