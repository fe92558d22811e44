import { MalformedFileError } from '../errors'
import type { GgufVocabulary } from '../vocabulary'
import { type GgufEntry, type GgufMetadata, ggufFields } from './gguf-metadata'

/** GGUF writers give this id to a special token that does not exist. */
const noToken = 0xffffffff

/** GGUF's type of unused pieces. */
const unusedType = 5

/** A key of our own, with a prefix as the specification asks for. GGUF has no key for it; other programs ignore it. */
const unkSurfaceKey = 'cria.tokenizer.unk_surface'

const chatTemplateKey = 'tokenizer.chat_template'

const key = (name: string) => `tokenizer.ggml.${name}`

/** The tokenizer in GGUF metadata (keys `tokenizer.*`); undefined if the file has none. */
export const vocabularyOf = (metadata: GgufMetadata, file: string): GgufVocabulary | undefined => {
  const read = ggufFields(metadata, file)
  const model = read.string(key('model'))
  const tokens = read.strings(key('tokens'))
  if (model === undefined || tokens === undefined) return undefined
  const ofTokens = (name: string) => {
    const values = read.numbers(key(name))
    if (!values || values.length === tokens.length) return values
    throw new MalformedFileError({ file, field: key(name) }, `has ${values.length} items, expected ${tokens.length}`)
  }
  const id = (name: string) => {
    const value = read.number(key(name))
    if (value === undefined || value === noToken || value === -1) return undefined
    if (Number.isInteger(value) && value >= 0 && value < tokens.length) return value
    throw new MalformedFileError({ file, field: key(name) }, `is ${value}, expected an id below ${tokens.length}`)
  }
  const scores = ofTokens('scores')
  const types = ofTokens('token_type')
  const charsMap = read.numbers(key('precompiled_charsmap'))
  return {
    kind: 'gguf',
    model,
    pre: read.string(key('pre')),
    tokens,
    scores: scores && Float32Array.from(scores),
    types: types && Int32Array.from(types),
    merges: read.strings(key('merges')),
    bosId: id('bos_token_id'),
    eosId: id('eos_token_id'),
    eotId: id('eot_token_id'),
    eomId: id('eom_token_id'),
    unkId: id('unknown_token_id'),
    padId: id('padding_token_id'),
    addBos: read.boolean(key('add_bos_token')),
    addEos: read.boolean(key('add_eos_token')),
    addSpacePrefix: read.boolean(key('add_space_prefix')) ?? true,
    removeExtraWhitespaces: read.boolean(key('remove_extra_whitespaces')),
    charsMap: charsMap && Uint8Array.from(charsMap),
    unkSurface: read.string(unkSurfaceKey),
    chatTemplate: read.string(chatTemplateKey),
  }
}

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

/** The metadata for a vocabulary. What is undefined is left out. */
export const vocabularyEntries = (vocabulary: GgufVocabulary): GgufEntry[] => {
  const { model, pre, tokens, scores, types, merges, charsMap, unkSurface, chatTemplate } = vocabulary
  const ids = {
    bos_token_id: vocabulary.bosId,
    eos_token_id: vocabulary.eosId,
    eot_token_id: vocabulary.eotId,
    eom_token_id: vocabulary.eomId,
    unknown_token_id: vocabulary.unkId,
    padding_token_id: vocabulary.padId,
  }
  const flags = {
    add_bos_token: vocabulary.addBos,
    add_eos_token: vocabulary.addEos,
    add_space_prefix: vocabulary.addSpacePrefix,
    remove_extra_whitespaces: vocabulary.removeExtraWhitespaces,
  }
  const entries: GgufEntry[] = [[key('model'), { type: 'string', value: model }]]
  if (pre !== undefined) entries.push([key('pre'), { type: 'string', value: pre }])
  entries.push([key('tokens'), { type: 'array', items: 'string', value: tokens }])
  if (scores) entries.push([key('scores'), { type: 'array', items: 'f32', value: scores }])
  if (types) entries.push([key('token_type'), { type: 'array', items: 'i32', value: types }])
  if (merges) entries.push([key('merges'), { type: 'array', items: 'string', value: merges }])
  for (const [name, value] of Object.entries(ids))
    if (value !== undefined) entries.push([key(name), { type: 'u32', value }])
  for (const [name, value] of Object.entries(flags))
    if (value !== undefined) entries.push([key(name), { type: 'bool', value }])
  if (charsMap) entries.push([key('precompiled_charsmap'), { type: 'array', items: 'u8', value: charsMap }])
  if (unkSurface !== undefined) entries.push([unkSurfaceKey, { type: 'string', value: unkSurface }])
  if (chatTemplate !== undefined) entries.push([chatTemplateKey, { type: 'string', value: chatTemplate }])
  return entries
}
