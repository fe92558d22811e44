import { ConversionError } from './errors'
import type { GgufEntry } from './formats/gguf-metadata'
import type { GgufVocabulary } from './formats/gguf-vocabulary'
import type { JsonObject } from './formats/json'
import { endTexts, type GenerationSettings, ggufSamplingNames, huggingFaceSamplingNames } from './generation'
import { bytesFile, jsonFile, type OutputFile } from './output-file'

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

const wholeNumbers: readonly string[] = ['topK', 'penaltyWindow']

/** The metadata of a GGUF file for how tokens are sampled, and for chat templates beside the usual one. */
export const generationEntries = ({ sampling, chatTemplates }: GenerationSettings): GgufEntry[] => {
  const entries: GgufEntry[] = []
  for (const [setting, key] of Object.entries(ggufSamplingNames)) {
    const value = sampling[setting as keyof typeof ggufSamplingNames]
    if (value !== undefined) entries.push([key, { type: wholeNumbers.includes(setting) ? 'i32' : 'f32', value }])
  }
  for (const [name, value] of chatTemplates) {
    if (name !== 'default') entries.push([`tokenizer.chat_template.${name}`, { type: 'string', value }])
  }
  return entries
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
  const sampled = Object.entries(huggingFaceSamplingNames).flatMap(([setting, name]) => {
    const value = sampling[setting as keyof typeof huggingFaceSamplingNames]
    return value === undefined ? [] : [[name, value] as const]
  })
  const { doSample } = sampling
  const generation = {
    ...config,
    ...(doSample !== undefined && { do_sample: doSample }),
    ...Object.fromEntries(sampled),
  }
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
