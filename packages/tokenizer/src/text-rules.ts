import type { Normalized } from './normalizer'
import type { SplitName } from './splits'

/** A change to the text before it is cut and merged. */
export type NormalizerStep =
  | { readonly type: 'prepend'; readonly text: string }
  | { readonly type: 'replace'; readonly from: string; readonly to: string }
  | { readonly type: 'unicode'; readonly form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD' }

/**
 * How text is made ready for merging where SentencePiece's normaliser does not say so: the steps of Hugging Face's
 * `tokenizer.json`, and the patterns that GGUF files name.
 */
export interface TextRules {
  readonly normalizers: readonly NormalizerStep[]
  /** Whether the normaliser makes a `▁` of each space. Without it, spaces are still spaces to added tokens. */
  readonly escapesSpaces: boolean
  /** Puts a `▁` before text that begins with none: before the first part of a text, or before each between tokens. */
  readonly metaspace: { readonly prepend: 'first' | 'always' | 'never'; readonly split: boolean } | undefined
  /** Whether merging works on the bytes of UTF-8, and not on characters. */
  readonly byteLevel: boolean
  /** Puts a space before text that begins with none; for `byteLevel`. */
  readonly prefixSpace: boolean
  /** How text is cut into words, one after the other; for `byteLevel`. */
  readonly splits: readonly SplitName[]
  /** Whether a word that is a piece is that piece, whatever the merges make of it; for `byteLevel`. */
  readonly ignoreMerges: boolean
  /** Whether decoding drops a space at the start of the text. */
  readonly stripsSpace: boolean
}

/** Normalises text by steps. */
export const normalizeBySteps = (steps: readonly NormalizerStep[], original: string): Normalized => {
  if (original === '') return { text: original, originOf: () => 0 }
  let normalized: Normalized = { text: original, originOf: at => at }
  for (const step of steps) {
    const { text, originOf } = normalized
    if (step.type === 'prepend') {
      const { length } = step.text
      normalized = { text: step.text + text, originOf: at => originOf(Math.max(0, at - length)) }
    } else if (step.type === 'replace') {
      const { from, to } = step
      if (text.includes(from)) normalized = withParts(normalized, replaced(text, from, to))
    } else if (text.normalize(step.form) !== text) normalized = withParts(normalized, composed(text, step.form))
  }
  return normalized
}

/** A part of a text: where it starts there, what becomes of it, and whether it is kept as it is. */
interface Part {
  readonly at: number
  readonly text: string
  readonly kept: boolean
}

function withParts({ text: before, originOf }: Normalized, parts: readonly Part[]): Normalized {
  const text = parts.map(part => part.text).join('')
  let origins: Uint32Array | undefined
  return {
    text,
    originOf: at => {
      if (at >= text.length) return originOf(before.length)
      // Only computed if offsets are wanted.
      origins ??= originsOf(parts, text.length)
      return originOf(origins[at])
    },
  }
}

function originsOf(parts: readonly Part[], length: number): Uint32Array {
  const origins = new Uint32Array(length)
  let end = 0
  for (const { at, text, kept } of parts) for (let i = 0; i < text.length; i++) origins[end++] = kept ? at + i : at
  return origins
}

function replaced(text: string, from: string, to: string): readonly Part[] {
  const parts: Part[] = []
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf(from, at)
    const end = found < 0 ? text.length : found
    if (end > at) parts.push({ at, text: text.slice(at, end), kept: true })
    if (found >= 0) parts.push({ at: found, text: to, kept: false })
    at = end + (found < 0 ? 0 : from.length)
  }
  return parts
}

/** A character and the marks behind it; the parts of a Hangul syllable; these are normalised together. */
const cluster = /[\u1100-\u1112\uac00-\ud7a3][\u1160-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]*\p{M}*|.\p{M}*/gsu

function composed(text: string, form: string): readonly Part[] {
  const parts = Array.from(text.matchAll(cluster), ({ index, 0: part }) => {
    const changed = part.normalize(form)
    return { at: index, text: changed, kept: changed === part }
  })
  const whole = text.normalize(form)
  // If characters of two clusters compose, the text is treated as one part.
  return parts.map(part => part.text).join('') === whole ? parts : [{ at: 0, text: whole, kept: false }]
}
