import type { AddedToken } from '../added-tokens'
import { UnsupportedTokenizerError } from '../errors'
import { defaultUnkSurface, PieceType, type Vocabulary } from '../vocabulary'

/**
 * Checks that a format without fields for it loses nothing of how a vocabulary treats text: beyond a dummy prefix,
 * LLaMA's ways are all that such formats mean.
 *
 * @throws {UnsupportedTokenizerError} naming `format`
 */
export function requireLlamaText(format: string, { normalizer, unkSurface }: Vocabulary): void {
  const { removeExtraWhitespaces, escapeWhitespaces, whitespaceAsSuffix, charsMap } = normalizer
  if (removeExtraWhitespaces || !escapeWhitespaces || whitespaceAsSuffix || charsMap.length > 0)
    throw cannotSay(format, 'the normaliser does more than put a space first')
  if (unkSurface !== defaultUnkSurface) throw cannotSay(format, 'unk decodes to a text other than U+2047')
}

export const cannotSay = (format: string, what: string) =>
  new UnsupportedTokenizerError(format, `such a file cannot say that ${what}`)

/**
 * Checks that a vocabulary is merged as SentencePiece does it. A `▁` that goes only before text that begins with no space,
 * or only before the first text, is taken for SentencePiece's dummy prefix; GGUF has a field that keeps the difference.
 *
 * @throws {UnsupportedTokenizerError} naming `format`
 */
export function requireSentencePiece(format: string, { rules, merges, fuseUnk, unkId, added }: Vocabulary): void {
  if (rules?.byteLevel) throw cannotSay(format, 'pieces are made of bytes')
  if (merges !== undefined)
    throw cannotSay(format, 'not all pieces that make a third are merged, in the order of scores')
  if (fuseUnk === false) throw cannotSay(format, 'each unknown character is an unk of its own')
  if (unkId === undefined) throw cannotSay(format, 'there is no unk')
  const isOther =
    rules?.metaspace?.split || rules?.normalizers.some(step => step.type !== 'prepend' || step.text !== '▁')
  if (isOther) throw cannotSay(format, 'text is normalised or cut into words in this way')
  requirePlainTokens(format, added)
}

/**
 * Checks that added tokens are recognised by their text alone.
 *
 * @throws {UnsupportedTokenizerError} naming `format`
 */
export function requirePlainTokens(format: string, added: readonly AddedToken[] = []): void {
  const other = added.find(({ lstrip, rstrip, singleWord }) => lstrip || rstrip || singleWord)
  if (other !== undefined)
    throw cannotSay(
      format,
      `${JSON.stringify(other.content)} takes spaces with it, or is a word of its own (lstrip, rstrip, single_word)`,
    )
}

/** The pieces, with a name for each id that has none. */
export const namedPieces = ({ pieces }: Vocabulary): string[] =>
  pieces.map((piece, id) => (piece === '' ? `[PAD${id}]` : piece))

/** The pieces that {@link namedPieces} were made of; llama.cpp gives the rows that only pad a model the same names. */
export const unnamedPieces = (names: readonly string[], types: ArrayLike<number> = []): string[] =>
  names.map((name, id) => (types[id] === PieceType.unused && name === `[PAD${id}]` ? '' : name))
