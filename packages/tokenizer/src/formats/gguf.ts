import { TokenizerFormatError, UnsupportedTokenizerError } from '../errors'
import { Tokenizer } from '../tokenizer'
import { cannotSay, defaultUnkSurface, llamaNormalizer, PieceType } from '../vocabulary'

/** A vocabulary as GGUF's metadata holds it (`tokenizer.ggml.*`), in the shape in which `@cria/checkpoint` hands it out. */
export interface GgufVocabulary {
  readonly kind: 'gguf'
  /** `tokenizer.ggml.model`; SentencePiece's BPE is `llama`. */
  readonly model: string
  readonly tokens: readonly string[]
  readonly scores: Float32Array | undefined
  /** 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly types: Int32Array | undefined
  readonly bosId: number | undefined
  readonly eosId: number | undefined
  readonly unkId: number | undefined
  readonly padId: number | undefined
  readonly addSpacePrefix: boolean
  /** SentencePiece's flag of that name; no where the file does not say. */
  readonly removeExtraWhitespaces?: boolean | undefined
  /** SentencePiece's compiled normaliser rules; none where the file holds none. */
  readonly charsMap?: Uint8Array | undefined
  /** What `unk` decodes to; U+2047 between spaces where the file does not say. */
  readonly unkSurface?: string | undefined
  /** Says how to write a chat as text; no matter of the tokenizer's. */
  readonly chatTemplate: string | undefined
}

// What GGUF readers take for a `llama` vocabulary that does not say.
const defaults = { bosId: 1, eosId: 2 } as const

/** Files write -1, as an unsigned number, for a token that there is none of. */
const noId = 0xffffffff

/**
 * Reads the vocabulary of a GGUF file.
 *
 * @param gguf as `@cria/checkpoint` gives it
 * @param options.name names the file in errors
 * @throws {TokenizerFormatError} for arrays that are missing, of unlike lengths, or that contradict themselves
 * @throws {UnsupportedTokenizerError} for another model than `llama`
 */
export function readGgufVocabulary(gguf: GgufVocabulary, { name = 'GGUF' }: { name?: string } = {}): Tokenizer {
  const { model, tokens, scores, types, addSpacePrefix } = gguf
  if (model !== 'llama')
    throw new UnsupportedTokenizerError(name, `tokenizer.ggml.model is ${JSON.stringify(model)}, expected "llama"`)
  if (scores === undefined) throw new TokenizerFormatError(name, 'tokenizer.ggml.scores is missing')
  if (types === undefined) throw new TokenizerFormatError(name, 'tokenizer.ggml.token_type is missing')
  const vocabulary = {
    pieces: tokens,
    scores,
    // What does not fit in a byte is as unknown a type as 0 is.
    types: Uint8Array.from(types, type => (type > 0 && type < 256 ? type : 0)),
    unkId: optional(gguf.unkId) ?? types.indexOf(PieceType.unknown),
    bosId: optional(gguf.bosId) ?? defaults.bosId,
    eosId: optional(gguf.eosId) ?? defaults.eosId,
    padId: optional(gguf.padId),
    byteFallback: types.includes(PieceType.byte),
    unkSurface: gguf.unkSurface ?? defaultUnkSurface,
    normalizer: {
      ...llamaNormalizer,
      addDummyPrefix: addSpacePrefix,
      removeExtraWhitespaces: gguf.removeExtraWhitespaces ?? llamaNormalizer.removeExtraWhitespaces,
      charsMap: gguf.charsMap ?? llamaNormalizer.charsMap,
    },
  }
  return new Tokenizer(vocabulary, { name })
}

/**
 * The vocabulary as a GGUF file holds it.
 *
 * @throws {UnsupportedTokenizerError} for what GGUF cannot say: spaces that are not escaped
 */
export function writeGgufVocabulary({ vocabulary }: Tokenizer): GgufVocabulary {
  const { pieces, scores, types, unkId, bosId, eosId, padId, normalizer, unkSurface } = vocabulary
  if (!normalizer.escapeWhitespaces || normalizer.whitespaceAsSuffix)
    throw cannotSay('GGUF', 'spaces stay as they are, or go to the end of words')
  return {
    kind: 'gguf',
    model: 'llama',
    tokens: pieces,
    scores,
    types: Int32Array.from(types),
    bosId,
    eosId,
    unkId,
    padId,
    addSpacePrefix: normalizer.addDummyPrefix,
    removeExtraWhitespaces: normalizer.removeExtraWhitespaces || undefined,
    charsMap: normalizer.charsMap.length > 0 ? normalizer.charsMap : undefined,
    unkSurface: unkSurface === defaultUnkSurface ? undefined : unkSurface,
    chatTemplate: undefined,
  }
}

const optional = (id: number | undefined) => (id === noId ? undefined : id)
