import { MalformedFileError } from './errors'
import { ggufFields } from './formats/gguf-metadata'
import type { GgufVocabulary } from './formats/gguf-vocabulary'
import { isObject, type JsonObject } from './formats/json'
import type { GgufFileMetadata, HuggingFaceMetadata, Metadata } from './metadata'
import type { Vocabulary } from './vocabulary'

/** Sampling settings of the files. Settings that they do not have are undefined. */
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
  return noGeneration
}

/** The settings of a model whose files say nothing about generating text. */
export const noGeneration: GenerationSettings = {
  bosId: undefined,
  addBos: undefined,
  eosIds: [],
  padId: undefined,
  sampling: {},
  chatTemplates: new Map(),
}

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
    sampling: readSampling(ggufSamplingNames, read.number, file),
    chatTemplates: checkTemplates(templates, file),
  }
}

const ggufEosIds = ({ eosId, eotId, eomId, tokens, types }: GgufVocabulary): number[] => {
  const named = [eosId, eotId, eomId].filter(id => id !== undefined)
  // Older files, from before GGUF had `eot_token_id`, have only the token itself.
  const texts = endTexts.map(text => tokens.indexOf(text)).filter(id => id >= 0 && types?.[id] === controlType)
  return [...new Set([...named, ...texts])]
}

interface Range {
  readonly expected: string
  readonly holds: (value: number) => boolean
}

const atLeast = (least: number): Range => ({
  expected: `a number of at least ${least}`,
  holds: value => value >= least && value < Infinity,
})
const share: Range = { expected: 'a number from 0 to 1', holds: value => value >= 0 && value <= 1 }
const whole: Range = { expected: 'a whole number', holds: Number.isSafeInteger }

/** The values that settings may have. */
const ranges: Readonly<Record<Exclude<keyof SamplingSettings, 'doSample'>, Range>> = {
  temperature: atLeast(0),
  topK: whole,
  topP: share,
  minP: share,
  typicalP: share,
  repetitionPenalty: { expected: 'a number from 0.01 to 100', holds: value => value >= 0.01 && value <= 100 },
  penaltyWindow: whole,
  xtcProbability: share,
  xtcThreshold: share,
  noRepeatNgramSize: whole,
}

type NumberNames = Readonly<Partial<Record<keyof typeof ranges, string>>>

/** The settings that a file has, by its own names for them. */
const readSampling = (
  names: NumberNames,
  read: (name: string) => number | undefined,
  file: string,
): SamplingSettings => {
  const settings: { -readonly [K in keyof typeof ranges]?: number } = {}
  for (const [setting, field] of Object.entries(names) as [keyof typeof ranges, string][]) {
    const value = read(field)
    if (value === undefined) continue
    const { expected, holds } = ranges[setting]
    if (!holds(value)) throw new MalformedFileError({ file, field }, `is ${value}, expected ${expected}`)
    settings[setting] = value
  }
  return settings
}

/** GGUF's names of sampling settings. */
export const ggufSamplingNames: NumberNames = {
  temperature: 'general.sampling.temp',
  topK: 'general.sampling.top_k',
  topP: 'general.sampling.top_p',
  minP: 'general.sampling.min_p',
  repetitionPenalty: 'general.sampling.penalty_repeat',
  penaltyWindow: 'general.sampling.penalty_last_n',
  xtcProbability: 'general.sampling.xtc_probability',
  xtcThreshold: 'general.sampling.xtc_threshold',
}

/** transformers' names of sampling settings. */
export const huggingFaceSamplingNames: NumberNames = {
  temperature: 'temperature',
  topK: 'top_k',
  topP: 'top_p',
  minP: 'min_p',
  typicalP: 'typical_p',
  repetitionPenalty: 'repetition_penalty',
  noRepeatNgramSize: 'no_repeat_ngram_size',
}

const huggingFaceSettings = (metadata: HuggingFaceMetadata): GenerationSettings => {
  const { file, config, generationConfig = {}, tokenizerConfig = {} } = metadata
  const beside = (name: string) => file.replace(/[^/\\]+$/, name)
  const generationFile = beside('generation_config.json')
  const tokenizerFile = beside('tokenizer_config.json')
  const ids = (name: string) => [...idsOf(config, name, file), ...idsOf(generationConfig, name, generationFile)]
  return {
    // generation_config.json overrides config.json, as in transformers.
    bosId: ids('bos_token_id').at(-1),
    addBos: value(tokenizerConfig, 'add_bos_token', 'boolean', tokenizerFile),
    eosIds: [...new Set([...ids('eos_token_id'), ...addedTokenIds(tokenizerConfig, tokenizerConfig.eos_token)])],
    padId: ids('pad_token_id').at(-1),
    sampling: huggingFaceSampling(generationConfig, generationFile),
    chatTemplates: checkTemplates(huggingFaceTemplates(metadata), tokenizerFile),
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
  const doSample = value(json, 'do_sample', 'boolean', file)
  const read = (field: string) => value(json, field, 'number', file)
  return { ...(doSample !== undefined && { doSample }), ...readSampling(huggingFaceSamplingNames, read, file) }
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
