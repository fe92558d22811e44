import { bytesOf, bytesOfPiece, textOfBytes } from './byte-level'
import { TokenIdError } from './errors'
import { normalizeBySteps } from './text-rules'
import { type ByteStream, LossyUtf8, Utf8Stream } from './utf8'
import { byteOf, PieceType, type Vocabulary } from './vocabulary'

const encoder = new TextEncoder()

/** The text of each id, computed once. */
export class DecodingTable {
  /** The text of each piece with spaces for `▁`; empty for control tokens and for bytes that are not characters. */
  readonly surfaces: readonly string[]
  /** The bytes of pieces that are not text alone. */
  readonly bytes: ReadonlyMap<number, Uint8Array>
  /** The names of the control tokens, to show them. */
  readonly controls: ReadonlyMap<number, string>
  /** 1 for pieces that start with the `▁` that a dummy prefix may have put there. */
  readonly startsWithSpace: Uint8Array
  /** Which spaces at the start of a text are the normaliser's: none, one, or one for each piece. */
  readonly leading: 'kept' | 'one' | 'all'
  readonly byteLevel: boolean

  constructor({ pieces, types, unkSurface, normalizer, rules, added = [] }: Vocabulary) {
    this.byteLevel = rules?.byteLevel ?? false
    const escaped = rules === undefined || normalizer.escapeWhitespaces
    const bytes = new Map<number, Uint8Array>()
    const controls = new Map<number, string>()
    const asTheyAre = new Set(added.map(({ id }) => id))
    // A token of the normalised text has the text that normalising it gives.
    const shownPieces = [...pieces]
    for (const { id, content, normalized } of added) {
      if (rules === undefined || !normalized || types[id] === PieceType.control) continue
      const { text } = normalizeBySteps(rules.normalizers, content)
      shownPieces[id] = rules.escapesSpaces ? text.replaceAll(' ', '▁') : text
      if (!this.byteLevel && shownPieces[id] !== content) asTheyAre.delete(id)
    }
    const isText = (id: number) => {
      const type = types[id]
      return type !== PieceType.control && type !== PieceType.unknown && type !== PieceType.byte
    }
    this.surfaces = shownPieces.map((piece, id) => {
      if (types[id] === PieceType.control) controls.set(id, piece)
      if (types[id] === PieceType.byte) bytes.set(id, Uint8Array.of(byteOf(piece)))
      if (types[id] === PieceType.unknown) return this.byteLevel ? piece : unkSurface
      if (!isText(id)) return ''
      if (asTheyAre.has(id)) return piece
      if (!this.byteLevel) return escaped ? piece.replaceAll('▁', ' ') : piece
      const binary = bytesOfPiece(piece)
      if (binary === undefined) return piece
      const text = textOfBytes(binary)
      if (text === undefined) bytes.set(id, bytesOf(binary))
      return text ?? ''
    })
    this.bytes = bytes
    this.controls = controls
    this.startsWithSpace = Uint8Array.from(shownPieces, (piece, id) =>
      isText(id) && !asTheyAre.has(id) && piece.startsWith('▁') ? 1 : 0,
    )
    const drops = rules === undefined ? normalizer.addDummyPrefix : rules.stripsSpace
    this.leading = normalizer.removeExtraWhitespaces ? 'all' : drops ? 'one' : 'kept'
  }
}

/** How tokens become text. */
export interface DecodeOptions {
  /** Show control tokens, such as BOS, by their names. Default false: they have no text. */
  readonly special?: boolean | undefined
}

/**
 * Decodes tokens that come one at a time. The joined results of `push` and `end` are what
 * `Tokenizer.decode` gives for all tokens at once.
 */
export class TokenDecoder {
  private readonly utf8: ByteStream
  private atStart: boolean
  private tookSpace = false
  private hasText = false

  constructor(
    private readonly table: DecodingTable,
    private readonly options: DecodeOptions = {},
  ) {
    this.atStart = table.leading !== 'kept'
    this.utf8 = table.byteLevel ? new LossyUtf8() : new Utf8Stream()
  }

  /**
   * Takes a token and returns the text that is certain with it: nothing for a control token, for a byte within a
   * character, and for the space of the dummy prefix.
   *
   * @throws {TokenIdError} for an id that the vocabulary does not have; the decoder is as it was before
   */
  push(id: number): string {
    const { surfaces, bytes, controls, startsWithSpace, leading, byteLevel } = this.table
    const surface = surfaces[id]
    if (surface === undefined) throw new TokenIdError(id, surfaces.length)
    const own = surface === '' ? bytes.get(id) : undefined
    if (own !== undefined) return this.record(this.utf8.push(own))
    const isControl = surface === '' && controls.has(id)
    const shown = isControl && this.options.special === true ? (controls.get(id) as string) : surface
    // Bytes on both sides of a piece of whole characters do not form a character; bytes around a byte-level piece may.
    if (byteLevel) {
      if (!this.utf8.isWaiting || shown === '') return shown
      return this.utf8.push(encoder.encode(shown))
    }
    let text = this.utf8.isWaiting ? this.end() : ''
    if (this.atStart) {
      if (this.tookSpace || this.hasText) this.atStart = false
      this.tookSpace = this.atStart && leading === 'one' && startsWithSpace[id] === 1
    }
    text += this.atStart && startsWithSpace[id] === 1 ? shown.slice(1) : shown
    return this.record(text)
  }

  /** Returns the text that was held back: U+FFFD for the bytes of an incomplete character. */
  end(): string {
    return this.record(this.utf8.end())
  }

  private record(text: string): string {
    if (text !== '') this.hasText = true
    return text
  }
}
