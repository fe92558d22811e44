import { type Drafter, DraftLength } from './drafter'

/** Runs of this many tokens are looked up. */
const KEY_LENGTHS = [3, 2] as const

/** Only this many of the last occurrences of a run are compared. */
const MAX_PLACES = 32

/** The contexts of two places are compared up to this length. */
const MAX_CONTEXT = 32

/**
 * Prompt lookup (Saxena, Prompt Lookup Decoding, 2023): the tokens that followed an earlier occurrence of the last tokens, in the
 * prompt or in the generated text, may follow again. Of several occurrences it takes the one with the longest equal context, the
 * latest on a tie.
 *
 * @param most tokens of a draft at most
 */
export const promptLookup = (most: number): Drafter => {
  const length = new DraftLength(most)
  const places = new Map<string, number[]>()
  let indexed = 0

  /** Stores the end of each run that ends before the last token: what follows it is known. */
  const index = (history: readonly number[]): void => {
    for (; indexed < history.length - 1; indexed++) {
      for (const key of KEY_LENGTHS) {
        const run = runAt(history, indexed, key)
        if (run === undefined) continue
        const ends = places.get(run)
        if (ends) ends.push(indexed)
        else places.set(run, [indexed])
      }
    }
  }

  return {
    propose(history, room) {
      index(history)
      const last = history.length - 1
      for (const key of KEY_LENGTHS) {
        const run = runAt(history, last, key)
        const ends = run === undefined ? undefined : places.get(run)
        if (!ends) continue
        let best = -1
        let furthest = 0
        for (const end of ends.slice(-MAX_PLACES).reverse()) {
          let same = key as number
          while (same < MAX_CONTEXT && end - same >= 0 && history[end - same] === history[last - same]) same++
          if (same > furthest) {
            furthest = same
            best = end
          }
        }
        return history.slice(best + 1, best + 1 + Math.min(room, length.tokens))
      }
      return []
    },
    learn: (accepted, drafted) => length.learn(accepted, drafted),
    dispose() {},
  }
}

/** The run of `length` ids that ends at `end`, as a key. */
const runAt = (history: readonly number[], end: number, length: number): string | undefined =>
  end + 1 < length ? undefined : history.slice(end + 1 - length, end + 1).join()
