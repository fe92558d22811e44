import { MalformedFileError } from '../errors'
import { type GgufEntry, type GgufMetadata, type GgufValue, ggufFields } from './gguf-metadata'

/** GGUF writers give this id to a special token that does not exist. */
const noToken = 0xffffffff

/** GGUF's type of unused pieces. */
const unusedType = 5

/** The kinds of fields, and what each is in memory. `scores` and `types` have an item for each token. */
interface Kinds {
  readonly string: string
  readonly boolean: boolean
  readonly id: number
  readonly strings: readonly string[]
  readonly scores: Float32Array
  readonly types: Int32Array
  readonly bytes: Uint8Array
}

const field = <K extends keyof Kinds>(kind: K, name: string, prefix = 'tokenizer.ggml.') => ({
  kind,
  key: prefix + name,
})

/** The fields of a vocabulary, in the order of their keys in a file that is written. */
const fields = {
  /** `llama` is SentencePiece BPE, `gpt2` is byte-level BPE. */
  model: field('string', 'model'),
  /** The name of the pattern that splits text before byte-level BPE. */
  pre: field('string', 'pre'),
  tokens: field('strings', 'tokens'),
  scores: field('scores', 'scores'),
  /** 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte. */
  types: field('types', 'token_type'),
  /** Merges of byte-level BPE, best first: two pieces separated by a space. */
  merges: field('strings', 'merges'),
  bosId: field('id', 'bos_token_id'),
  eosId: field('id', 'eos_token_id'),
  /** End of a turn in a chat. */
  eotId: field('id', 'eot_token_id'),
  /** End of a message that waits for the result of a tool. */
  eomId: field('id', 'eom_token_id'),
  unkId: field('id', 'unknown_token_id'),
  padId: field('id', 'padding_token_id'),
  /** Whether a prompt begins with BOS. */
  addBos: field('boolean', 'add_bos_token'),
  /** Whether EOS goes after a text. */
  addEos: field('boolean', 'add_eos_token'),
  /** Whether a space goes before the text; SentencePiece's `add_dummy_prefix`. */
  addSpacePrefix: field('boolean', 'add_space_prefix'),
  /** Before which parts of a text that space goes: `first` or `always`. A key of Cria's own: without it, as SentencePiece does. */
  spacePrefix: field('string', 'space_prefix', 'cria.tokenizer.'),
  /** SentencePiece's `remove_extra_whitespaces`. */
  removeExtraWhitespaces: field('boolean', 'remove_extra_whitespaces'),
  /** SentencePiece's compiled normaliser rules. */
  charsMap: field('bytes', 'precompiled_charsmap'),
  /** What the unknown piece decodes to. A key of Cria's own, which other programs ignore: GGUF has none for it. */
  unkSurface: field('string', 'unk_surface', 'cria.tokenizer.'),
  /** Jinja template of a chat. */
  chatTemplate: field('string', 'chat_template', 'tokenizer.'),
} as const

type Fields = { readonly [F in keyof typeof fields]: Kinds[(typeof fields)[F]['kind']] }
type Needed = 'model' | 'tokens' | 'addSpacePrefix'

/** The tokenizer in a GGUF file (metadata `tokenizer.*`). What the file does not say is undefined. */
export type GgufVocabulary = { readonly kind: 'gguf' } & Pick<Fields, Needed> & {
    readonly [F in keyof Omit<Fields, Needed>]?: Fields[F] | undefined
  }

/** The tokenizer in GGUF metadata; undefined if the file has none. */
export const vocabularyOf = (metadata: GgufMetadata, file: string): GgufVocabulary | undefined => {
  const read = ggufFields(metadata, file)
  const tokens = read.strings(fields.tokens.key)
  if (tokens === undefined || read.string(fields.model.key) === undefined) return undefined
  const ofTokens = (key: string) => {
    const values = read.numbers(key)
    if (!values || values.length === tokens.length) return values
    throw new MalformedFileError({ file, field: key }, `has ${values.length} items, expected ${tokens.length}`)
  }
  const readers: { readonly [K in keyof Kinds]: (key: string) => Kinds[K] | undefined } = {
    ...read,
    id(key) {
      const value = read.number(key)
      if (value === undefined || value === noToken || value === -1) return undefined
      if (Number.isInteger(value) && value >= 0 && value < tokens.length) return value
      throw new MalformedFileError({ file, field: key }, `is ${value}, expected an id below ${tokens.length}`)
    },
    scores: key => converted(ofTokens(key), Float32Array),
    types: key => converted(ofTokens(key), Int32Array),
    bytes: key => converted(read.numbers(key), Uint8Array),
  }
  const found = Object.entries(fields).map(([name, { kind, key }]) => [name, readers[kind](key)] as const)
  const { addSpacePrefix = true, ...vocabulary } = Object.fromEntries(found) as Omit<GgufVocabulary, 'kind'>
  return { kind: 'gguf', ...vocabulary, addSpacePrefix }
}

const converted = <T>(values: Iterable<number> | undefined, to: { from(values: Iterable<number>): T }): T | undefined =>
  values && to.from(values)

/** The same vocabulary with unused pieces up to `size`, for models with a padded embedding. */
export const padVocabulary = (vocabulary: GgufVocabulary, size: number): GgufVocabulary => {
  const { tokens, scores, types } = vocabulary
  return {
    ...vocabulary,
    tokens: Array.from({ length: size }, (_, id) => tokens[id] ?? `[PAD${id}]`),
    scores: scores && Float32Array.from({ length: size }, (_, id) => scores[id] ?? 0),
    types: types && Int32Array.from({ length: size }, (_, id) => types[id] ?? unusedType),
  }
}

const written: { readonly [K in keyof Kinds]: (value: Kinds[K]) => GgufValue } = {
  string: value => ({ type: 'string', value }),
  boolean: value => ({ type: 'bool', value }),
  id: value => ({ type: 'u32', value }),
  strings: value => ({ type: 'array', items: 'string', value }),
  scores: value => ({ type: 'array', items: 'f32', value }),
  types: value => ({ type: 'array', items: 'i32', value }),
  bytes: value => ({ type: 'array', items: 'u8', value }),
}

/** The metadata for a vocabulary. What is undefined is left out. */
export const vocabularyEntries = (vocabulary: GgufVocabulary): GgufEntry[] =>
  Object.entries(fields).flatMap(([name, { kind, key }]): GgufEntry[] => {
    const value = vocabulary[name as keyof typeof fields]
    // A field's kind says the type of its value.
    return value === undefined ? [] : [[key, written[kind](value as never)]]
  })
