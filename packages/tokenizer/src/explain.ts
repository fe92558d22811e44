import type { Symbols } from './symbols'

/** One merge: of the pieces at `at` and `at + 1` of a state. */
export interface ExplainedMerge {
  readonly at: number
  readonly left: string
  readonly right: string
  readonly merged: string
  /** Its place in the order of merges; the lowest goes first. */
  readonly rank: number
}

/** How a part of a text becomes tokens. */
export interface Explanation {
  /** The part that is merged: a word in a byte-level vocabulary, the whole text in SentencePiece's. */
  readonly text: string
  /** The pieces after each merge; the first state is the characters or, as a byte-level vocabulary has them, the bytes. */
  readonly pieces: readonly (readonly string[])[]
  /** `merges[i]` leads from `pieces[i]` to `pieces[i + 1]`. */
  readonly merges: readonly ExplainedMerge[]
  /** Whether the whole part is a token, so that nothing is merged (`ignore_merges`). */
  readonly isWhole: boolean
}

/** The longest text that is explained, in code units: each merge has a list of all pieces. */
export const maxExplained = 1000

/**
 * Byte-pair encoding by its definition, with each state on the way.
 *
 * @param show how a part of the text is written
 */
export function explainMerges(symbols: Symbols, text: string, show: (part: string) => string) {
  const parts = Array.from(text)
  const ids = parts.map(char => symbols.ofCodePoint(char.codePointAt(0) as number))
  const pieces = [parts.map(show)]
  const merges: ExplainedMerge[] = []
  const { slots } = symbols.merges
  for (;;) {
    let best = -1
    let at = 0
    for (let i = 0; i + 1 < ids.length; i++) {
      const found = ids[i] < 0 || ids[i + 1] < 0 ? -1 : symbols.merges.find(ids[i], ids[i + 1])
      if (found < 0 || (best >= 0 && slots[best + 3] <= slots[found + 3])) continue
      best = found
      at = i
    }
    if (best < 0) return { pieces, merges }
    const [left, right] = [show(parts[at]), show(parts[at + 1])]
    parts.splice(at, 2, parts[at] + parts[at + 1])
    ids.splice(at, 2, slots[best + 2])
    merges.push({ at, left, right, merged: show(parts[at]), rank: slots[best + 3] })
    pieces.push(parts.map(show))
  }
}
