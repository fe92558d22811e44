import { MalformedFileError } from './errors'
import { type GgufFields, ggufFields } from './formats/gguf-metadata'
import { isObject, type JsonObject } from './formats/json'
import type { GgufFileMetadata, HuggingFaceMetadata, Metadata } from './metadata'
import type { GgufVocabulary, Vocabulary } from './vocabulary'

/** How the files say that tokens are sampled. What they do not say is undefined. */
export interface SamplingSettings {
  /** transformers' `do_sample`: false means that the likeliest token is always taken. */
  readonly doSample?: boolean | undefined
  readonly temperature?: number | undefined
  readonly topK?: number | undefined
  readonly topP?: number | undefined
  readonly minP?: number | undefined
  readonly typicalP?: number | undefined
  readonly repetitionPenalty?: number | undefined
  /** How many of the last tokens `repetitionPenalty` looks at. */
  readonly penaltyWindow?: number | undefined
  readonly xtcProbability?: number | undefined
  readonly xtcThreshold?: number | undefined
  readonly noRepeatNgramSize?: number | undefined
}

/** What the files of a model say about generating text. */
export interface GenerationSettings {
  readonly bosId: number | undefined
  /** Whether a prompt begins with BOS; undefined if the files do not say. */
  readonly addBos: boolean | undefined
  /** All tokens that end an answer; empty if the files name none. */
  readonly eosIds: readonly number[]
  readonly padId: number | undefined
  readonly sampling: SamplingSettings
  /** Jinja templates of a chat by name. The usual one is `default`. */
  readonly chatTemplates: ReadonlyMap<string, string>
}

/** Templates of real models have up to 50 kB. */
const maxTemplateCharacters = 2 ** 20
const maxTemplates = 64
const maxEosIds = 1024

/** Texts of control tokens that end an answer in the chat formats of known models, whatever else a GGUF file names. */
export const endTexts: readonly string[] = [
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end_of_text|>',
  '<|im_end|>',
  '<|end|>',
  '<|endoftext|>',
  '<end_of_turn>',
  '<EOT>',
]

/** GGUF's type of control tokens. */
const controlType = 3

/**
 * What the files say about generating text.
 * @throws MalformedFileError for a field of the wrong type
 */
export const generationSettings = ({
  metadata,
  vocabulary,
}: {
  readonly metadata: Metadata
  readonly vocabulary?: Vocabulary | undefined
}): GenerationSettings => {
  if (metadata.kind === 'gguf') return ggufSettings(metadata, vocabulary?.kind === 'gguf' ? vocabulary : undefined)
  if (metadata.kind === 'huggingface') return huggingFaceSettings(metadata)
  return { ...nothing, chatTemplates: new Map() }
}

const nothing = { bosId: undefined, addBos: undefined, eosIds: [], padId: undefined, sampling: {} } as const

const checkTemplates = (templates: Map<string, string>, file: string): ReadonlyMap<string, string> => {
  const field = 'chat_template'
  if (templates.size > maxTemplates)
    throw new MalformedFileError({ file, field }, `has more than ${maxTemplates} names`)
  for (const [name, { length }] of templates) {
    if (length <= maxTemplateCharacters) continue
    throw new MalformedFileError(
      { file, field: `${field} ${name}` },
      `has ${length} characters, too many for a template`,
    )
  }
  return templates
}

const ggufSettings = (
  { entries, file }: GgufFileMetadata,
  vocabulary: GgufVocabulary | undefined,
): GenerationSettings => {
  const read = ggufFields(entries, file)
  const templates = new Map<string, string>()
  const usual = read.string('tokenizer.chat_template')
  if (usual !== undefined) templates.set('default', usual)
  const prefix = 'tokenizer.chat_template.'
  for (const key of entries.keys()) {
    if (key.startsWith(prefix)) templates.set(key.slice(prefix.length), read.string(key) ?? '')
  }
  return {
    bosId: vocabulary?.bosId,
    addBos: vocabulary?.addBos,
    eosIds: vocabulary ? ggufEosIds(vocabulary) : [],
    padId: vocabulary?.padId,
    sampling: ggufSampling(read),
    chatTemplates: checkTemplates(templates, file),
  }
}

const ggufEosIds = ({ eosId, eotId, eomId, tokens, types }: GgufVocabulary): number[] => {
  const named = [eosId, eotId, eomId].filter(id => id !== undefined)
  // Files that were converted before GGUF had `eot_token_id` only have the token itself.
  const texts = endTexts.map(text => tokens.indexOf(text)).filter(id => id >= 0 && types?.[id] === controlType)
  return [...new Set([...named, ...texts])]
}

const ggufSampling = (read: GgufFields): SamplingSettings => {
  const number = (name: string) => read.number(`general.sampling.${name}`)
  return defined({
    temperature: number('temp'),
    topK: number('top_k'),
    topP: number('top_p'),
    minP: number('min_p'),
    repetitionPenalty: number('penalty_repeat'),
    penaltyWindow: number('penalty_last_n'),
    xtcProbability: number('xtc_probability'),
    xtcThreshold: number('xtc_threshold'),
  })
}

const huggingFaceSettings = (metadata: HuggingFaceMetadata): GenerationSettings => {
  const { file, config, generationConfig = {}, tokenizerConfig = {} } = metadata
  const eosIds = [
    ...idsOf(config, 'eos_token_id', file),
    ...idsOf(generationConfig, 'eos_token_id', file),
    ...addedTokenIds(tokenizerConfig, tokenizerConfig.eos_token),
  ]
  const id = (name: string) => idsOf(generationConfig, name, file)[0] ?? idsOf(config, name, file)[0]
  return {
    bosId: id('bos_token_id'),
    addBos: value(tokenizerConfig, 'add_bos_token', 'boolean', file),
    eosIds: [...new Set(eosIds)],
    padId: id('pad_token_id'),
    sampling: huggingFaceSampling(generationConfig, file),
    chatTemplates: checkTemplates(huggingFaceTemplates(metadata), file),
  }
}

/** A field that is one id, a list of ids, or null. transformers writes -1 for an id that does not exist. */
const idsOf = (json: JsonObject, field: string, file: string): number[] => {
  const given = json[field] ?? []
  const ids: unknown[] = Array.isArray(given) ? given : [given]
  const isId = (id: unknown): id is number => Number.isInteger(id) && (id as number) >= -1 && (id as number) < 2 ** 31
  if (ids.length <= maxEosIds && ids.every(isId)) return ids.filter(id => id >= 0)
  throw new MalformedFileError({ file, field }, `is ${JSON.stringify(given)}, expected token ids`)
}

/** The id of a special token, which is given as text or as an object with `content`, among the added tokens. */
const addedTokenIds = ({ added_tokens_decoder: added }: JsonObject, token: unknown): number[] => {
  const text = isObject(token) ? token.content : token
  if (typeof text !== 'string' || !isObject(added)) return []
  return Object.entries(added)
    .filter(([id, entry]) => /^\d{1,9}$/.test(id) && isObject(entry) && entry.content === text)
    .map(([id]) => Number(id))
}

interface Kinds {
  readonly number: number
  readonly boolean: boolean
}

const value = <K extends keyof Kinds>(json: JsonObject, field: string, kind: K, file: string): Kinds[K] | undefined => {
  const found = json[field] ?? undefined
  if (found === undefined || typeof found === kind) return found as Kinds[K] | undefined
  throw new MalformedFileError({ file, field }, `is ${JSON.stringify(found)}, expected a ${kind}`)
}

const huggingFaceSampling = (json: JsonObject, file: string): SamplingSettings => {
  const number = (field: string) => value(json, field, 'number', file)
  return defined({
    doSample: value(json, 'do_sample', 'boolean', file),
    temperature: number('temperature'),
    topK: number('top_k'),
    topP: number('top_p'),
    minP: number('min_p'),
    typicalP: number('typical_p'),
    repetitionPenalty: number('repetition_penalty'),
    noRepeatNgramSize: number('no_repeat_ngram_size'),
  })
}

/** `chat_template.jinja`, else `chat_template` of `tokenizer_config.json`: a text, or a list of named ones. */
const huggingFaceTemplates = ({ chatTemplate, tokenizerConfig = {} }: HuggingFaceMetadata): Map<string, string> => {
  const templates = new Map<string, string>()
  const given: unknown = tokenizerConfig.chat_template
  for (const entry of Array.isArray(given) ? given : [{ name: 'default', template: given }]) {
    if (isObject(entry) && typeof entry.name === 'string' && typeof entry.template === 'string') {
      templates.set(entry.name, entry.template)
    }
  }
  if (chatTemplate !== undefined) templates.set('default', chatTemplate)
  return templates
}

const defined = (settings: SamplingSettings): SamplingSettings =>
  Object.fromEntries(Object.entries(settings).filter(([, given]) => given !== undefined))
