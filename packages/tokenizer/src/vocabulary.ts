import type { AddedToken } from './added-tokens'
import { TokenizerFormatError, UnsupportedTokenizerError } from './errors'
import type { TextRules } from './text-rules'

/** Kinds of pieces, with the numbers that SentencePiece's `ModelProto.SentencePiece.Type` and GGUF give them. */
export const PieceType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const
export type PieceType = (typeof PieceType)[keyof typeof PieceType]

/** What happens to text before it is cut in pieces: SentencePiece's `NormalizerSpec`. */
export interface NormalizerFlags {
  /** Put a space before the text, so that a word has the same pieces at the start as inside. */
  readonly addDummyPrefix: boolean
  /** Drop leading and trailing spaces and make runs of spaces one. */
  readonly removeExtraWhitespaces: boolean
  /** Write spaces as `▁` (U+2581). */
  readonly escapeWhitespaces: boolean
  /** Put the dummy space after the text, not before (`TrainerSpec.treat_whitespace_as_suffix`). */
  readonly whitespaceAsSuffix: boolean
  /** Compiled replacement rules (`precompiled_charsmap`); empty for the identity, which is LLaMA's. */
  readonly charsMap: Uint8Array
}

/** LLaMA's normaliser: the identity, with a dummy prefix. */
export const llamaNormalizer: NormalizerFlags = {
  addDummyPrefix: true,
  removeExtraWhitespaces: false,
  escapeWhitespaces: true,
  whitespaceAsSuffix: false,
  charsMap: new Uint8Array(0),
}

/** The data of a tokenizer: formats read and write it, and the trainer makes it. `id` is an index of `pieces`. */
export interface Vocabulary {
  /**
   * The text of each piece as files write it: spaces as `▁` or, in a byte-level vocabulary, each byte as a character of
   * its own. Empty for an id without a piece, which is of type `unused`.
   */
  readonly pieces: readonly string[]
  /** Of two possible merges the one whose piece has the higher score goes first; not used where there are `merges`. */
  readonly scores: Float32Array
  /** The `PieceType` of each piece. */
  readonly types: Uint8Array
  readonly unkId: number | undefined
  readonly bosId: number | undefined
  readonly eosId: number | undefined
  readonly padId: number | undefined
  /** The end of a message in a chat, and the end of a message after which more follows, where a file names them. */
  readonly eotId?: number | undefined
  readonly eomId?: number | undefined
  /** Whether the model was trained with BOS before a text, and EOS after it, where a file says so. */
  readonly addBos?: boolean | undefined
  readonly addEos?: boolean | undefined
  /** Whether characters without a piece become their UTF-8 bytes (`<0x00>` to `<0xFF>`) instead of `unk`. */
  readonly byteFallback: boolean
  /** What `unk` decodes to. */
  readonly unkSurface: string
  readonly normalizer: NormalizerFlags
  /**
   * The merges in their order, three ids each: left, right, and what they make. Without them, any two pieces that make a
   * third may be merged, as in SentencePiece.
   */
  readonly merges?: Uint32Array | undefined
  /** Whether a run of characters without a piece is one `unk`; each is one otherwise. Default true. */
  readonly fuseUnk?: boolean | undefined
  /** Tokens that are cut out of the text before everything else. */
  readonly added?: readonly AddedToken[] | undefined
  /** How text is made ready for merging; SentencePiece's normaliser without it. */
  readonly rules?: TextRules | undefined
  /** The other contents of a SentencePiece file, besides texts, scores and types of pieces, stored to be written back unchanged. */
  readonly sentencePiece?: SentencePieceRemainder
}

export interface SentencePieceRemainder {
  readonly trainerSpec: Uint8Array
  readonly normalizerSpec: Uint8Array
  /** Fields of `ModelProto` other than the pieces and the two above, as they stood. */
  readonly otherFields: Uint8Array
  /** Unknown fields within a piece, by id. */
  readonly pieceFields: ReadonlyMap<number, Uint8Array>
}

/** The default of `TrainerSpec.unk_surface`: U+2047 between spaces. */
export const defaultUnkSurface = ' \u2047 '

/** No published vocabulary comes near a million pieces; a claim beyond this is an error and never an allocation. */
export const maxPieces = 1 << 20

/** Ids without a piece: files have some hundreds at most, and each costs as much as one with a piece. */
const maxGaps = 1 << 16

/** Ways to make a piece of two others: two or three a piece in published vocabularies, and up to 511 in a hostile one. */
export const maxMerges = 1 << 21

/** Longer pieces are not useful, and the number of splits of a piece grows with the square of its length. */
export const maxPieceLength = 512

/**
 * Whether merges can make this kind of piece. User-defined ones are cut out of the text wherever they stand before
 * anything is merged, and the others are reached by id alone.
 */
export const isMergeable = (type: number) => type === PieceType.normal || type === PieceType.unused

/** The name of the piece of a byte, as `<0x0A>`. */
export const byteName = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`

/** The byte that a piece's name means, or -1: exactly `<0x` two upper-case hexadecimal digits `>`. */
export const byteOf = (name: string) => (/^<0x[0-9A-F]{2}>$/.test(name) ? Number.parseInt(name.slice(3, 5), 16) : -1)

/**
 * Checks what every use of a vocabulary relies on, and returns it.
 *
 * @throws {TokenizerFormatError} for no pieces, empty, repeated or overlong ones, ill-formed text, scores that are not finite
 * numbers, unknown types, not exactly one unknown piece, and byte pieces that are missing, repeated, misnamed or unexpected
 * @throws {UnsupportedTokenizerError} for a BOS that is an ordinary piece
 */
export function checkVocabulary(file: string, vocabulary: Vocabulary): Vocabulary {
  const { pieces, scores, types, unkId, bosId, eosId, padId, byteFallback, rules } = vocabulary
  const fail = (problem: string) => new TokenizerFormatError(file, problem)
  if (pieces.length === 0) throw fail('the vocabulary is empty')
  if (pieces.length > maxPieces) throw fail(`${pieces.length} pieces, at most ${maxPieces} are supported`)
  if (scores.length !== pieces.length || types.length !== pieces.length)
    throw fail(`${pieces.length} pieces, but ${scores.length} scores and ${types.length} types`)
  const gaps = pieces.filter(piece => piece === '').length
  if (gaps > maxGaps) throw fail(`${gaps} ids have no piece, at most ${maxGaps} are supported`)
  const seen = new Map<string, number>()
  const bytes = new Set<number>()
  for (let id = 0; id < pieces.length; id++) {
    const piece = pieces[id]
    const shown = `piece ${id} ${JSON.stringify(piece.slice(0, 80))}`
    if (piece === '') {
      if (types[id] !== PieceType.unused) throw fail(`piece ${id} is empty`)
      continue
    }
    if (piece.length > maxPieceLength)
      throw fail(`piece ${id} is ${piece.length} characters long, at most ${maxPieceLength} are supported`)
    if (!piece.isWellFormed()) throw fail(`${shown} is not well-formed Unicode`)
    const first = seen.get(piece)
    if (first !== undefined) throw fail(`${shown} repeats piece ${first}`)
    seen.set(piece, id)
    if (!Number.isFinite(scores[id])) throw fail(`${shown} has the score ${scores[id]}, expected a finite number`)
    const type = types[id]
    if (type < PieceType.normal || type > PieceType.byte) throw fail(`${shown} has the unknown type ${type}`)
    if (type === PieceType.unknown && id !== unkId) throw fail(`${shown} is a second unknown piece beside ${unkId}`)
    if (type !== PieceType.byte) continue
    if (byteOf(piece) < 0) throw fail(`${shown} is a byte piece, expected a name from <0x00> to <0xFF>`)
    if (!byteFallback) throw fail(`${shown} is a byte piece, but the model has no byte fallback`)
    bytes.add(byteOf(piece))
  }
  if (byteFallback && bytes.size !== 256) {
    const missing = Array.from({ length: 256 }, (_, byte) => byte).find(byte => !bytes.has(byte)) as number
    throw fail(`byte fallback needs the 256 byte pieces, ${byteName(missing)} is missing`)
  }
  // Without `unk`, bytes must stand for what has no piece.
  if (unkId === undefined ? !byteFallback && !rules?.byteLevel : types[unkId] !== PieceType.unknown)
    throw fail('no unknown piece (<unk>), expected exactly one')
  for (const [role, id] of [['beginning-of-text', bosId] as const, ['end-of-text', eosId] as const]) {
    if (id === undefined) continue
    if (types[id] === undefined) throw fail(`the ${role} token is ${id}, expected an id below ${pieces.length}`)
  }
  // EOS may be an ordinary piece: a model can still end a text with it.
  if (bosId !== undefined && types[bosId] !== PieceType.control)
    throw new UnsupportedTokenizerError(file, `the beginning-of-text token ${bosId} is not a control piece`)
  for (const { id, content } of vocabulary.added ?? [])
    if (pieces[id] !== content) throw fail(`added token ${JSON.stringify(content.slice(0, 80))} is not piece ${id}`)
  if (padId !== undefined && types[padId] === undefined) throw fail(`padding id ${padId} is not in the vocabulary`)
  return vocabulary
}
