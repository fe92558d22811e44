import { SourceError } from './errors'
import { baseName } from './sources/source'

export const configName = 'config.json'
export const paramsName = 'params.json'
export const indexName = 'model.safetensors.index.json'
export const weightsName = 'model.safetensors'

/** Files of a Hugging Face folder that say how to generate text. */
export const generationNames = ['generation_config.json', 'tokenizer_config.json', 'chat_template.jinja'] as const

/** Files beside a tokenizer that may add tokens to it. */
export const addedTokensNames = ['added_tokens.json', 'special_tokens_map.json'] as const

/** Tokenizer files in the order in which they are looked for. */
export const vocabularyNames = ['tokenizer.model', 'tokenizer.json', 'tokenizer.bin'] as const

/** llama2.c names its tokenizers by their number of pieces. */
const llama2cVocabulary = /^tok(\d+)\.(model|bin)$/

const isVocabulary = (name: string) =>
  (vocabularyNames as readonly string[]).includes(baseName(name)) || llama2cVocabulary.test(baseName(name))

/** The tokenizer file among files, if there is one. `pieces` is the vocabulary size of a llama2.c model. */
export const findVocabularyName = (names: readonly string[], pieces?: number): string | undefined => {
  const llama2c = pieces === undefined ? [] : [`tok${pieces}.model`, `tok${pieces}.bin`]
  for (const wanted of [...vocabularyNames, ...llama2c]) {
    const name = names.find(candidate => baseName(candidate) === wanted)
    if (name !== undefined) return name
  }
  return undefined
}

/** Files that describe a model or its tokenizer. They are opened with the model if they are next to it. */
export const isCompanion = (name: string): boolean =>
  isVocabulary(name) || [...generationNames, ...addedTokensNames].some(companion => companion === baseName(name))

/** Files that are only a part of a model; the model is then their folder. */
export const isPartOfFolder = (name: string): boolean =>
  [configName, indexName, paramsName].includes(baseName(name)) ||
  /-\d+-of-\d+\.safetensors$|^consolidated\.\d+\.pth$/.test(baseName(name))

const splitGguf = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/

/** A model has at most this many parts. */
const maxParts = 10_000

/** The base names of all parts of the split GGUF model that this file belongs to; only its own name if it is whole. */
export const ggufParts = (name: string): string[] => {
  const [, stem, , count] = splitGguf.exec(baseName(name)) ?? []
  if (stem === undefined || Number(count) < 1 || Number(count) > maxParts) return [baseName(name)]
  return Array.from({ length: Number(count) }, (_, i) => `${stem}-${String(i + 1).padStart(5, '0')}-of-${count}.gguf`)
}

const meta = /^consolidated\.(\d+)\.pth$/

/** The number of a model-parallel shard of Meta's; undefined for any other file. */
export const metaShardNumber = (name: string): number | undefined => {
  const digits = meta.exec(baseName(name))?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** Pickles that transformers wrote before safetensors: never read. */
const isPyTorch = (name: string) => baseName(name).startsWith('pytorch_model')

export interface ModelFiles {
  readonly kind: 'huggingface' | 'meta' | 'gguf' | 'single'
  /** The files that make up the model, without companions. */
  readonly files: readonly string[]
}

/**
 * Picks the model among the files of a folder.
 * @throws SourceError if there is no model, or more than one
 */
export const chooseFiles = (folder: string, names: readonly string[]): ModelFiles => {
  const named = (...wanted: string[]) => names.filter(name => wanted.includes(baseName(name)))
  const ending = (end: string) => names.filter(name => baseName(name).endsWith(end))
  const safetensors = ending('.safetensors')
  if (safetensors.length > 0) {
    // As in transformers, a whole file is preferred to shards, even if there is an index.
    const whole = named(weightsName)
    const files = whole.length > 0 ? whole : [...safetensors, ...named(indexName)]
    return { kind: 'huggingface', files: [...files, ...named(configName)] }
  }
  const shards = names.filter(name => metaShardNumber(name) !== undefined)
  if (shards.length > 0) return { kind: 'meta', files: [...shards, ...named(paramsName)] }
  const gguf = ending('.gguf')
  if (gguf.length > 0) {
    const parts = ggufParts(gguf[0])
    if (gguf.every(name => parts.includes(baseName(name)))) return { kind: 'gguf', files: gguf }
  }
  const models = [...gguf, ...ending('.bin').filter(name => !isVocabulary(name) && !isPyTorch(name))]
  if (models.length === 1) return { kind: 'single', files: models }
  if (models.length === 0) {
    throw new SourceError({ file: folder }, 'has no model: no .safetensors, consolidated.NN.pth, .gguf or .bin file')
  }
  throw new SourceError({ file: folder }, `has ${models.length} models; name one of ${models.map(baseName).join(', ')}`)
}
