import { addedToken } from '../added-tokens'
import { TokenizerFormatError, UnsupportedTokenizerError } from '../errors'
import type { TextRules } from '../text-rules'
import { Tokenizer } from '../tokenizer'
import { defaultUnkSurface, llamaNormalizer, maxMerges, PieceType, type Vocabulary } from '../vocabulary'
import { ggufPatternOf, ggufPatterns } from './gguf-patterns'
import { cannotSay, namedPieces, requirePlainTokens, requireSentencePiece, unnamedPieces } from './requirements'
import { mergeTexts } from './score-merges'

/**
 * A vocabulary as GGUF's metadata holds it (`tokenizer.ggml.*`). What `@cria/checkpoint` reads from a file, and writes, has this
 * shape.
 */
export interface GgufVocabulary {
  readonly kind: 'gguf'
  /** `tokenizer.ggml.model`: `llama` is SentencePiece's BPE, `gpt2` is byte-level BPE. */
  readonly model: string
  readonly tokens: readonly string[]
  /** Of `llama`. */
  readonly scores?: Float32Array | undefined
  /** 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly types?: Int32Array | undefined
  /** Of `gpt2`: two pieces each, separated by a space, best first. */
  readonly merges?: readonly string[] | undefined
  /** Of `gpt2`: the name of the pattern that splits text into words. Default: `default`. */
  readonly pre?: string | undefined
  readonly bosId?: number | undefined
  readonly eosId?: number | undefined
  /** The end of a message in a chat, and the end of a message after which more follows. */
  readonly eotId?: number | undefined
  readonly eomId?: number | undefined
  readonly unkId?: number | undefined
  readonly padId?: number | undefined
  /** Whether a text begins with BOS and ends with EOS. Default: as usual for the kind of model. */
  readonly addBos?: boolean | undefined
  readonly addEos?: boolean | undefined
  /** Of `llama`. */
  readonly addSpacePrefix: boolean
  /**
   * Where transformers 5 puts that space, by the `prepend_scheme` of Metaspace: `first` or `always`, and never before a space.
   * Default: as SentencePiece does, before every text between special tokens.
   */
  readonly spacePrefix?: string | undefined
  /** SentencePiece's flag of that name. Default: false. */
  readonly removeExtraWhitespaces?: boolean | undefined
  /** SentencePiece's compiled normaliser rules. Default: none. */
  readonly charsMap?: Uint8Array | undefined
  /** What `unk` decodes to. Default: U+2047 between spaces. */
  readonly unkSurface?: string | undefined
  /** Jinja template of a chat, which a tokenizer does not use. */
  readonly chatTemplate?: string | undefined
}

// What GGUF readers take for a `llama` vocabulary that does not say.
const defaults = { bosId: 1, eosId: 2 } as const

/** Files write -1, as an unsigned number, for a token that there is none of. */
const noId = 0xffffffff

/**
 * Reads the vocabulary of a GGUF file.
 *
 * @param gguf as `@cria/checkpoint` gives it
 * @param options `name`: the file's name, for errors
 * @throws {TokenizerFormatError} for arrays that are missing, of unlike lengths, or that contradict themselves
 * @throws {UnsupportedTokenizerError} for a model other than `llama` and `gpt2`, and for an unknown `pre`
 */
export function readGgufVocabulary(gguf: GgufVocabulary, { name = 'GGUF' }: { name?: string } = {}): Tokenizer {
  const read = readers.get(gguf.model)
  if (read === undefined)
    throw new UnsupportedTokenizerError(
      name,
      `tokenizer.ggml.model is ${JSON.stringify(gguf.model)}, expected "llama" or "gpt2"`,
    )
  const vocabulary = read({ ...gguf, tokens: unnamedPieces(gguf.tokens, gguf.types) }, name)
  // Whatever type a file gives them, they are tokens that no text may become.
  for (const id of [vocabulary.bosId, vocabulary.eosId, vocabulary.eotId, vocabulary.eomId])
    if (id !== undefined && vocabulary.types[id] === PieceType.userDefined) vocabulary.types[id] = PieceType.control
  return new Tokenizer(vocabulary, { name })
}

function readLlama(gguf: GgufVocabulary, name: string): Vocabulary {
  const { tokens, scores, types, addSpacePrefix, spacePrefix } = gguf
  if (scores === undefined) throw new TokenizerFormatError(name, 'tokenizer.ggml.scores is missing')
  if (types === undefined) throw new TokenizerFormatError(name, 'tokenizer.ggml.token_type is missing')
  return {
    ...idsOf(gguf),
    pieces: tokens,
    scores,
    types: bytesOfTypes(types),
    unkId: optional(gguf.unkId) ?? types.indexOf(PieceType.unknown),
    bosId: optional(gguf.bosId) ?? defaults.bosId,
    eosId: optional(gguf.eosId) ?? defaults.eosId,
    byteFallback: types.includes(PieceType.byte),
    unkSurface: gguf.unkSurface ?? defaultUnkSurface,
    normalizer: {
      ...llamaNormalizer,
      addDummyPrefix: addSpacePrefix,
      removeExtraWhitespaces: gguf.removeExtraWhitespaces ?? llamaNormalizer.removeExtraWhitespaces,
      charsMap: gguf.charsMap ?? llamaNormalizer.charsMap,
    },
    ...(spacePrefix === undefined ? {} : readSpacePrefix(gguf, spacePrefix, types, name)),
  }
}

/** The rules of a vocabulary that is cut as transformers 5 does it, where tokens beside the pieces are recognised before. */
function readSpacePrefix({ tokens }: GgufVocabulary, prepend: string, types: Int32Array, name: string) {
  if (prepend !== 'first' && prepend !== 'always')
    throw new TokenizerFormatError(
      name,
      `cria.tokenizer.space_prefix is ${JSON.stringify(prepend)}, expected "first" or "always"`,
    )
  const rules: TextRules = { ...plainRules, metaspace: { prepend, split: false }, stripsSpace: true }
  return { rules, added: addedTokensOf(tokens, types, [PieceType.control, PieceType.unknown]) }
}

/** The tokens that are recognised before a text is cut: those of the special types, and the user's own. */
const addedTokensOf = (tokens: readonly string[], types: ArrayLike<number>, specialTypes: readonly number[]) =>
  tokens.flatMap((token, id) => {
    const special = specialTypes.includes(types[id])
    return special || types[id] === PieceType.userDefined ? [addedToken(id, token, { special })] : []
  })

const plainRules: TextRules = {
  normalizers: [],
  escapesSpaces: false,
  metaspace: undefined,
  byteLevel: false,
  prefixSpace: false,
  splits: [],
  ignoreMerges: false,
  stripsSpace: false,
}

function readGpt2(gguf: GgufVocabulary, name: string): Vocabulary {
  const { tokens, merges, pre = 'default' } = gguf
  const pattern = ggufPatterns.get(pre)
  if (pattern === undefined)
    throw new UnsupportedTokenizerError(
      name,
      `tokenizer.ggml.pre is ${JSON.stringify(pre)}, expected one of ${[...ggufPatterns.keys()].join(', ')}`,
    )
  if (merges === undefined) throw new TokenizerFormatError(name, 'tokenizer.ggml.merges is missing')
  const types =
    gguf.types === undefined ? new Uint8Array(tokens.length).fill(PieceType.normal) : bytesOfTypes(gguf.types)
  const unkId = types.indexOf(PieceType.unknown)
  return {
    ...idsOf(gguf),
    pieces: tokens,
    scores: new Float32Array(tokens.length),
    types,
    unkId: unkId < 0 ? undefined : unkId,
    bosId: optional(gguf.bosId),
    eosId: optional(gguf.eosId),
    addBos: gguf.addBos ?? pattern.addBos,
    byteFallback: false,
    unkSurface: gguf.unkSurface ?? defaultUnkSurface,
    normalizer: { ...llamaNormalizer, addDummyPrefix: false, escapeWhitespaces: false },
    merges: readMerges(merges, tokens, name),
    added: addedTokensOf(tokens, types, [PieceType.control]),
    rules: { ...plainRules, byteLevel: true, splits: pattern.splits, ignoreMerges: pattern.ignoreMerges },
  }
}

const readers = new Map([
  ['llama', readLlama],
  ['gpt2', readGpt2],
])

/** What does not fit in a byte is as unknown a type as 0 is. */
const bytesOfTypes = (types: Int32Array) => Uint8Array.from(types, type => (type > 0 && type < 256 ? type : 0))

const idsOf = (gguf: GgufVocabulary) => ({
  padId: optional(gguf.padId),
  eotId: optional(gguf.eotId),
  eomId: optional(gguf.eomId),
  addBos: gguf.addBos,
  addEos: gguf.addEos,
})

function readMerges(merges: readonly string[], tokens: readonly string[], name: string): Uint32Array {
  if (merges.length > maxMerges)
    throw new UnsupportedTokenizerError(name, `tokenizer.ggml.merges has ${merges.length} merges, at most ${maxMerges}`)
  const idOf = new Map(tokens.map((token, id) => [token, id]))
  const named = new Set<string>()
  const ids = new Uint32Array(3 * merges.length)
  for (const [i, merge] of merges.entries()) {
    const [left, right, more] = merge.split(' ')
    const found = [idOf.get(left), idOf.get(right), idOf.get(`${left}${right}`)].filter(id => id !== undefined)
    if (found.length < 3 || more !== undefined || named.has(merge))
      throw new TokenizerFormatError(
        name,
        `tokenizer.ggml.merges[${i}] is ${JSON.stringify(merge.slice(0, 80))}, expected two pieces that make a third, not named before`,
      )
    named.add(merge)
    ids.set(found, 3 * i)
  }
  return ids
}

/**
 * The vocabulary as a GGUF file holds it.
 *
 * @throws {UnsupportedTokenizerError} for what GGUF cannot say: spaces that are not escaped, merges by characters that
 * are not SentencePiece's, added tokens that take spaces with them, and words that no pattern of GGUF cuts
 */
export function writeGgufVocabulary({ vocabulary }: Tokenizer): GgufVocabulary {
  const { scores, types, normalizer, unkSurface, rules } = vocabulary
  const shared = {
    kind: 'gguf' as const,
    tokens: namedPieces(vocabulary),
    types: Int32Array.from(types),
    bosId: vocabulary.bosId,
    eosId: vocabulary.eosId,
    eotId: vocabulary.eotId,
    eomId: vocabulary.eomId,
    unkId: vocabulary.unkId,
    padId: vocabulary.padId,
    addBos: vocabulary.addBos,
    addEos: vocabulary.addEos,
    unkSurface: unkSurface === defaultUnkSurface ? undefined : unkSurface,
    chatTemplate: undefined,
  }
  if (rules?.byteLevel) return { ...shared, ...byteLevelFields(vocabulary) }
  requireSentencePiece('GGUF', vocabulary)
  if (!normalizer.escapeWhitespaces || normalizer.whitespaceAsSuffix)
    throw cannotSay('GGUF', 'spaces stay as they are, or go to the end of words')
  return {
    ...shared,
    model: 'llama',
    scores,
    addSpacePrefix: normalizer.addDummyPrefix,
    spacePrefix: spacePrefixOf(vocabulary),
    removeExtraWhitespaces: normalizer.removeExtraWhitespaces || undefined,
    charsMap: normalizer.charsMap.length > 0 ? normalizer.charsMap : undefined,
  }
}

/** @throws {UnsupportedTokenizerError} for a decoder that does not drop the space that goes before a text */
function spacePrefixOf({ rules, normalizer }: Vocabulary) {
  if (rules === undefined) return undefined
  if (rules.stripsSpace !== normalizer.addDummyPrefix)
    throw cannotSay('GGUF', 'decoding drops a space other than the one before the text')
  return rules.metaspace?.prepend === 'never' ? undefined : rules.metaspace?.prepend
}

function byteLevelFields(vocabulary: Vocabulary) {
  const { rules, added } = vocabulary
  requirePlainTokens('GGUF', added)
  const pre = rules && ggufPatternOf(rules)
  if (rules === undefined || pre === undefined || rules.prefixSpace || rules.normalizers.length > 0)
    throw cannotSay('GGUF', 'text is normalised or cut into words in this way')
  return {
    model: 'gpt2',
    pre,
    scores: undefined,
    merges: mergeTexts(vocabulary, problem => cannotSay('GGUF', problem)),
    addSpacePrefix: false,
  }
}

const optional = (id: number | undefined) => (id === noId ? undefined : id)
