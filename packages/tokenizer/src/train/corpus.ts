import { TrainingError } from '../errors'
import { Literals } from '../literals'
import { Normalizer } from '../normalizer'
import { byteName, type NormalizerFlags } from '../vocabulary'

/** Replaces a character that no piece may contain. */
export const outside = '\u2585'

/** The pieces that every LLaMA vocabulary begins with. */
export const reservedPieces: readonly string[] = [
  '<unk>',
  '<s>',
  '</s>',
  ...Array.from({ length: 256 }, (_, byte) => byteName(byte)),
]

/** Any of them. */
const reserved = /<unk>|<s>|<\/s>|<0x[0-9A-F]{2}>/g

/** A corpus for BPE: its words and characters, with their counts. */
export class Corpus {
  /** Sentences taken, and sentences left out for being too long or for holding U+2585, which the trainer reserves. */
  sentences = 0
  skipped = 0
  private readonly words = new Map<string, number>()
  private readonly characters = new Map<string, number>()
  private readonly normalizer: Normalizer

  /** @param maxSentenceLength in bytes of UTF-8 */
  constructor(
    flags: NormalizerFlags,
    private readonly maxSentenceLength: number,
  ) {
    this.normalizer = new Normalizer(flags, undefined, new Literals([]))
  }

  /** Takes a sentence, which is a line of text. */
  add(sentence: string): void {
    if (sentence === '') return
    if (isLonger(sentence, this.maxSentenceLength) || sentence.includes(outside)) {
      this.skipped++
      return
    }
    this.sentences++
    // A text that looks like a reserved piece must not become part of a piece; the trainer replaces it by a tab.
    const normal = this.normalizer.normalize(sentence).text.replaceAll(' ', '▁').replace(reserved, '\t')
    // A word ends at the next run of spaces.
    for (const [word] of normal.matchAll(/▁+[^▁]*|[^▁]+/g)) this.words.set(word, (this.words.get(word) ?? 0) + 1)
  }

  /**
   * The characters that become pieces: the most frequent ones, up to a share of all text, those of equal frequency by
   * code point.
   *
   * @throws {TrainingError} for a corpus without text
   */
  alphabet(coverage: number): string[] {
    this.characters.clear()
    for (const [word, count] of this.words)
      for (const char of word) this.characters.set(char, (this.characters.get(char) ?? 0) + count)
    // The zero character is not counted.
    this.characters.delete('\0')
    let total = 0
    for (const count of this.characters.values()) total += count
    if (total === 0) throw new TrainingError('the corpus has no text to train on')
    const alphabet: string[] = []
    let covered = 0
    const byFrequency = [...this.characters].sort(
      ([a, countA], [b, countB]) => countB - countA || (a.codePointAt(0) as number) - (b.codePointAt(0) as number),
    )
    for (const [char, count] of byFrequency) {
      // SentencePiece compares these two as single floats.
      if (Math.fround(covered / total) >= Math.fround(coverage)) break
      covered += count
      if (char !== '\t') alphabet.push(char)
    }
    return alphabet
  }

  /** Each word, and how often it occurs in the corpus. */
  entries(): Iterable<readonly [word: string, count: number]> {
    return this.words
  }
}

function isLonger(sentence: string, bytes: number): boolean {
  if (sentence.length * 3 <= bytes) return false
  return sentence.length > bytes || new TextEncoder().encode(sentence).length > bytes
}
