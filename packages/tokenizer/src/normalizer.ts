import type { CharsMap } from './charsmap'
import type { Literals } from './literals'
import type { NormalizerFlags } from './vocabulary'

/** Text made ready for merging, and the way back. */
export interface Normalized {
  readonly text: string
  /** Where in the original text the character at `at` comes from, in code units; `at` may be the end. */
  originOf(at: number): number
}

/** A part of the original text, by where it starts, and what stands for it. */
export interface Chunk {
  readonly at: number
  readonly replacement: string
}

/**
 * Text normalisation as SentencePiece does it before encoding. If spaces would only be escaped, they stay spaces,
 * and the reader of the result treats them as `▁`. A lone surrogate becomes U+FFFD.
 */
export class Normalizer {
  /** @param userDefined the pieces that replacement rules leave alone */
  constructor(
    private readonly flags: NormalizerFlags,
    private readonly charsMap: CharsMap | undefined,
    private readonly userDefined: Literals,
  ) {}

  /** @param keepsUserDefined whether replacement rules leave user-defined pieces alone */
  normalize(original: string, keepsUserDefined = true): Normalized {
    const text = original.toWellFormed()
    if (text === '') return { text, originOf: () => 0 }
    const { addDummyPrefix, removeExtraWhitespaces, whitespaceAsSuffix } = this.flags
    if (removeExtraWhitespaces || this.charsMap) return this.rewrite(text, keepsUserDefined)
    if (!addDummyPrefix) return { text, originOf: at => at }
    if (whitespaceAsSuffix) return { text: `${text} `, originOf: at => Math.min(at, text.length) }
    return { text: ` ${text}`, originOf: at => Math.max(0, at - 1) }
  }

  /** The general case, with the origin of each code unit written down. */
  private rewrite(original: string, keepsUserDefined: boolean): Normalized {
    const { addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces, whitespaceAsSuffix } = this.flags
    const space = escapeWhitespaces ? '▁' : ' '
    const origins: number[] = []
    let text = ''
    let end = original.length
    const put = (part: string, origin: number) => {
      text += part
      for (let i = 0; i < part.length; i++) origins.push(origin)
    }
    let started = false
    let afterSpace = removeExtraWhitespaces
    for (const { at, replacement } of this.chunks(original, keepsUserDefined)) {
      if (!started) {
        if (removeExtraWhitespaces && replacement === ' ') continue
        started = true
        if (addDummyPrefix && !whitespaceAsSuffix) put(space, at)
      }
      const part = afterSpace ? replacement.replace(/^ +/, '') : replacement
      put(part.replaceAll(' ', space), at)
      if (part !== '') afterSpace = removeExtraWhitespaces && part.endsWith(' ')
    }
    while (removeExtraWhitespaces && text.endsWith(space)) {
      text = text.slice(0, -1)
      end = origins[text.length]
    }
    if (started && addDummyPrefix && whitespaceAsSuffix) put(space, end)
    return { text, originOf: at => (at < text.length ? origins[at] : end) }
  }

  private *chunks(text: string, keepsUserDefined: boolean): Iterable<Chunk> {
    let done = 0
    for (const { at, text: replacement } of keepsUserDefined ? this.userDefined.matches(text) : []) {
      yield* this.replacements(text, done, at)
      yield { at, replacement }
      done = at + replacement.length
    }
    yield* this.replacements(text, done, text.length)
  }

  private *replacements(text: string, from: number, to: number): Iterable<Chunk> {
    for (let at = from; at < to; ) {
      const rule = this.charsMap?.match(text, at, to)
      const end = rule?.end ?? at + ((text.codePointAt(at) as number) > 0xffff ? 2 : 1)
      yield { at, replacement: rule?.replacement ?? text.slice(at, end) }
      at = end
    }
  }
}
