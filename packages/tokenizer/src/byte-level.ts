import { BytePairEncoder } from './bpe'
import { type Explanation, explainMerges } from './explain'
import type { SymbolSource } from './symbols'
import { hashSeed, hashUnit, TextTable } from './text-table'
import { textOfUtf8 } from './utf8'
import { isMergeable, type Vocabulary } from './vocabulary'

/**
 * Byte-level vocabularies write each byte of UTF-8 as one visible character: those of Latin-1 that are visible stand for
 * themselves, the others have the characters from U+0100 on, in their order (GPT-2's `bytes_to_unicode`).
 */
const charOfByte: readonly string[] = (() => {
  const isVisible = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isVisible(byte) ? byte : next++))
})()

const byteOfChar = new Map(charOfByte.map((char, byte) => [char, byte]))

/** Bytes as a piece writes them. */
export const pieceOfBytes = (bytes: Iterable<number>): string => Array.from(bytes, byte => charOfByte[byte]).join('')

/** The bytes of a piece, one code unit each, or `undefined` if a character does not stand for a byte. */
export function bytesOfPiece(piece: string): string | undefined {
  let bytes = ''
  for (let i = 0; i < piece.length; i++) {
    const byte = byteOfChar.get(piece[i])
    if (byte === undefined) return undefined
    bytes += String.fromCharCode(byte)
  }
  return bytes
}

const utf8Encoder = new TextEncoder()

/** Bytes, one code unit each, as an array. */
export const bytesOf = (binary: string) => Uint8Array.from({ length: binary.length }, (_, i) => binary.charCodeAt(i))

/** The text of bytes, or `undefined` if they are not UTF-8. */
export const textOfBytes = (binary: string): string | undefined =>
  /[^\0-\x7f]/.test(binary) ? textOfUtf8(bytesOf(binary)) : binary

/** How a byte-level vocabulary is merged: on strings with a code unit a byte. */
export const byteSource = ({ pieces, types, scores, merges }: Vocabulary): SymbolSource => {
  const texts = pieces.map((piece, id) => (isMergeable(types[id]) ? (bytesOfPiece(piece) ?? '') : ''))
  const mergeable = texts.flatMap((text, id) => (text === '' ? [] : [id]))
  return { texts, mergeable, space: 0x20, bytes: true, merges, scores }
}

/** Encodes words by the bytes of their UTF-8. */
export class ByteLevelEncoder {
  readonly tokens: BytePairEncoder
  /** The pieces that are whole characters, by their text. */
  private readonly words: TextTable
  private readonly binary: readonly string[]
  /** 1 for the bytes that have no piece, if there are any and `unk` does not stand for them. */
  private readonly dropped: Uint8Array | undefined

  /** @throws {UnsupportedTokenizerError} naming `file` for pieces that can be made of others in too many ways */
  constructor(
    vocabulary: Vocabulary,
    private readonly ignoreMerges: boolean,
    file: string,
  ) {
    const source = byteSource(vocabulary)
    this.tokens = new BytePairEncoder(vocabulary, source, file)
    this.binary = source.texts
    const texts = source.texts.map(binary => textOfBytes(binary) ?? '')
    this.words = new TextTable(
      texts,
      source.mergeable.filter(id => texts[id] !== ''),
      0x20,
    )
    const single = new Set(source.texts.filter(text => text.length === 1))
    if (single.size < 256 && vocabulary.unkId === undefined)
      this.dropped = Uint8Array.from({ length: 256 }, (_, byte) => (single.has(String.fromCharCode(byte)) ? 0 : 1))
  }

  /** Appends the tokens of the word `text[from, to)`, and the end of each in the text. */
  encode(text: string, from: number, to: number): void {
    const { words, tokens, dropped } = this
    let hash = hashSeed
    let bits = 0
    for (let at = from; at < to; at++) {
      const unit = text.charCodeAt(at)
      bits |= unit
      hash = hashUnit(hash, unit)
    }
    const id = to - from <= words.longest ? words.find(text, from, to, hash) : -1
    if (id >= 0 && (this.ignoreMerges || tokens.isWhole(this.binary[id], 0, this.binary[id].length, id)))
      tokens.append(id, to)
    else if (bits < 0x80 && dropped === undefined) tokens.encode(text, from, to)
    else this.encodeBytes(text, from, to)
  }

  /** How a word is merged; its bytes are written as pieces write them. */
  explain(word: string): Explanation {
    const binary = Array.from(utf8Encoder.encode(word), byte => String.fromCharCode(byte)).join('')
    const show = (part: string) => pieceOfBytes(bytesOf(part))
    const isWhole = this.ignoreMerges && this.binary.includes(binary)
    if (isWhole) return { text: word, pieces: [[show(binary)]], merges: [], isWhole }
    return { text: word, ...explainMerges(this.tokens.symbols, binary, show), isWhole }
  }

  private encodeBytes(text: string, from: number, to: number) {
    const { tokens, dropped } = this
    const first = tokens.count
    let bytes = ''
    /** Where the character ends that each byte is the last of; where it starts for the others. */
    const ends: number[] = []
    const put = (byte: number, end: number) => {
      if (dropped?.[byte] === 1) return
      bytes += String.fromCharCode(byte)
      ends.push(end)
    }
    for (let at = from; at < to; ) {
      const char = text.codePointAt(at) as number
      const start = at
      at += char > 0xffff ? 2 : 1
      if (char < 0x80) {
        put(char, at)
        continue
      }
      if (char < 0x800) put(0xc0 | (char >> 6), start)
      else {
        if (char < 0x10000) put(0xe0 | (char >> 12), start)
        else {
          put(0xf0 | (char >> 18), start)
          put(0x80 | ((char >> 12) & 0x3f), start)
        }
        put(0x80 | ((char >> 6) & 0x3f), start)
      }
      put(0x80 | (char & 0x3f), at)
    }
    tokens.encode(bytes, 0, bytes.length)
    for (let i = first; i < tokens.count; i++) tokens.ends[i] = ends[tokens.ends[i] - 1]
  }
}
