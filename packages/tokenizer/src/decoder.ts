import { TokenIdError } from './errors'
import { Utf8Stream } from './utf8'
import { byteOf, PieceType, type Vocabulary } from './vocabulary'

/** What each id decodes to, worked out once. */
export class DecodingTable {
  /** The text of each piece with spaces for `▁`; nothing for control tokens. */
  readonly surfaces: readonly string[]
  /** The byte of each byte piece, -1 for the others. */
  readonly bytes: Int16Array
  /** 1 for pieces that start with the `▁` that a dummy prefix may have put there. */
  readonly startsWithSpace: Uint8Array
  /** Which spaces at the start of a text are the normaliser's: none, one, or one for each piece. */
  readonly leading: 'kept' | 'one' | 'all'

  constructor({ pieces, types, unkSurface, normalizer }: Vocabulary) {
    this.surfaces = pieces.map((piece, id) => {
      if (types[id] === PieceType.control || types[id] === PieceType.byte) return ''
      return types[id] === PieceType.unknown ? unkSurface : piece.replaceAll('▁', ' ')
    })
    this.bytes = Int16Array.from(pieces, (piece, id) => (types[id] === PieceType.byte ? byteOf(piece) : -1))
    this.startsWithSpace = Uint8Array.from(pieces, (piece, id) => {
      const isText = types[id] !== PieceType.control && types[id] !== PieceType.unknown && types[id] !== PieceType.byte
      return isText && piece.startsWith('▁') ? 1 : 0
    })
    this.leading = normalizer.removeExtraWhitespaces ? 'all' : normalizer.addDummyPrefix ? 'one' : 'kept'
  }
}

/**
 * Text out of tokens that come one at a time. What `push` and `end` return, one after the other, is what
 * `Tokenizer.decode` gives for all tokens at once.
 */
export class TokenDecoder {
  private readonly utf8 = new Utf8Stream()
  private inBytes = false
  private atStart: boolean
  private tookSpace = false
  private hasText = false

  constructor(private readonly table: DecodingTable) {
    this.atStart = table.leading !== 'kept'
  }

  /**
   * Takes a token and returns the text that is certain with it: nothing for a control token, for a byte within a
   * character, and for the space of the dummy prefix.
   *
   * @throws {TokenIdError} for an id that the vocabulary does not have; the decoder is as it was before
   */
  push(id: number): string {
    const { surfaces, bytes, startsWithSpace, leading } = this.table
    const byte = bytes[id]
    if (byte === undefined) throw new TokenIdError(id, surfaces.length)
    if (byte >= 0) {
      this.inBytes = true
      return this.record(this.utf8.push(byte))
    }
    let text = this.inBytes ? this.end() : ''
    if (this.atStart) {
      if (this.tookSpace || this.hasText) this.atStart = false
      this.tookSpace = this.atStart && leading === 'one' && startsWithSpace[id] === 1
    }
    text += this.atStart && startsWithSpace[id] === 1 ? surfaces[id].slice(1) : surfaces[id]
    return this.record(text)
  }

  /** Returns the text that was held back: a U+FFFD for each byte of a character that did not come to its end. */
  end(): string {
    this.inBytes = false
    return this.record(this.utf8.end())
  }

  private record(text: string): string {
    if (text !== '') this.hasText = true
    return text
  }
}
