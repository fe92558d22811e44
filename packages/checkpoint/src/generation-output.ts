import { ConversionError } from './errors'
import type { GgufEntry } from './formats/gguf-metadata'
import type { JsonObject } from './formats/json'
import { endTexts, type GenerationSettings, type SamplingSettings } from './generation'
import { bytesFile, jsonFile, type OutputFile } from './output-file'
import type { GgufVocabulary } from './vocabulary'

/**
 * A tokenizer for a GGUF file with the special tokens and the chat template of these settings.
 * @throws ConversionError for more end tokens than GGUF has keys for
 */
export const withGeneration = (
  vocabulary: GgufVocabulary,
  { bosId, addBos, eosIds, padId, chatTemplates }: GenerationSettings,
  file: string,
): GgufVocabulary => {
  // Readers recognise these tokens by their text.
  const isKnown = (id: number) => endTexts.includes(vocabulary.tokens[id])
  const [eosId, ...rest] = eosIds
  const [eotId, eomId, ...more] = [...rest.filter(id => !isKnown(id)), ...rest.filter(isKnown)]
  const lost = more.filter(id => !isKnown(id))
  if (lost.length > 0) {
    throw new ConversionError({ file, field: 'eos_token_id' }, `has ${eosIds.length} ids, but GGUF has keys for three`)
  }
  return {
    ...vocabulary,
    bosId: bosId ?? vocabulary.bosId,
    eosId: eosId ?? vocabulary.eosId,
    eotId: eotId ?? vocabulary.eotId,
    eomId: eomId ?? vocabulary.eomId,
    padId: padId ?? vocabulary.padId,
    addBos: addBos ?? vocabulary.addBos,
    chatTemplate: chatTemplates.get('default') ?? vocabulary.chatTemplate,
  }
}

/** GGUF's names of sampling settings, after `general.sampling.`; undefined for those that it does not have. */
const ggufNames: Readonly<Record<keyof SamplingSettings, string | undefined>> = {
  doSample: undefined,
  temperature: 'temp',
  topK: 'top_k',
  topP: 'top_p',
  minP: 'min_p',
  typicalP: undefined,
  repetitionPenalty: 'penalty_repeat',
  penaltyWindow: 'penalty_last_n',
  xtcProbability: 'xtc_probability',
  xtcThreshold: 'xtc_threshold',
  noRepeatNgramSize: undefined,
}

const whole: readonly string[] = ['top_k', 'penalty_last_n']

/** The metadata of a GGUF file for how tokens are sampled, and for chat templates beside the usual one. */
export const generationEntries = ({ sampling, chatTemplates }: GenerationSettings): GgufEntry[] => {
  const entries: GgufEntry[] = []
  for (const [setting, value] of Object.entries(sampling)) {
    const name = ggufNames[setting as keyof SamplingSettings]
    if (name === undefined || typeof value !== 'number') continue
    entries.push([`general.sampling.${name}`, { type: whole.includes(name) ? 'i32' : 'f32', value }])
  }
  for (const [name, value] of chatTemplates) {
    if (name !== 'default') entries.push([`tokenizer.chat_template.${name}`, { type: 'string', value }])
  }
  return entries
}

/** transformers' names of sampling settings; undefined for those that it does not have. */
const huggingFaceNames: Readonly<Record<keyof SamplingSettings, string | undefined>> = {
  doSample: 'do_sample',
  temperature: 'temperature',
  topK: 'top_k',
  topP: 'top_p',
  minP: 'min_p',
  typicalP: 'typical_p',
  repetitionPenalty: 'repetition_penalty',
  penaltyWindow: undefined,
  xtcProbability: undefined,
  xtcThreshold: undefined,
  noRepeatNgramSize: 'no_repeat_ngram_size',
}

/** What a Hugging Face folder says of generation: fields of `config.json`, and the files beside it. */
export interface HuggingFaceGeneration {
  readonly config: JsonObject
  readonly files: readonly OutputFile[]
}

/** The settings in the form of a Hugging Face folder. Nothing is written for what they do not say. */
export const generationFiles = (settings: GenerationSettings): HuggingFaceGeneration => {
  const { bosId, addBos, eosIds, padId, sampling, chatTemplates } = settings
  const config: JsonObject = {
    ...(bosId !== undefined && { bos_token_id: bosId }),
    ...(eosIds.length > 0 && { eos_token_id: eosIds.length === 1 ? eosIds[0] : eosIds }),
    ...(padId !== undefined && { pad_token_id: padId }),
  }
  const sampled = Object.entries(sampling).flatMap(([setting, value]) => {
    const name = huggingFaceNames[setting as keyof SamplingSettings]
    return name === undefined ? [] : [[name, value] as const]
  })
  const generation = { ...config, ...Object.fromEntries(sampled) }
  const others = [...chatTemplates]
    .filter(([name]) => name !== 'default')
    .map(([name, template]) => ({ name, template }))
  const tokenizer = {
    ...(addBos !== undefined && { add_bos_token: addBos }),
    ...(others.length > 0 && { chat_template: others }),
  }
  const usual = chatTemplates.get('default')
  const files: OutputFile[] = []
  if (Object.keys(generation).length > 0) files.push(jsonFile('generation_config.json', generation))
  if (Object.keys(tokenizer).length > 0) files.push(jsonFile('tokenizer_config.json', tokenizer))
  if (usual !== undefined) files.push(bytesFile('chat_template.jinja', new TextEncoder().encode(usual)))
  return { config, files }
}
