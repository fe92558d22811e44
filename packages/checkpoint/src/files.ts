import { SourceError } from './errors'
import { baseName } from './sources/source'

/** Tokenizer files in the order they are looked for. */
export const commonVocabularies = ['tokenizer.model', 'tokenizer.json', 'tokenizer.bin']

/** The same as patterns, and those that llama2.c names by their number of pieces. */
const vocabularyNames = (vocabSize: number | string) => [
  ...commonVocabularies.map(name => new RegExp(`^${name.replace('.', '\\.')}$`)),
  new RegExp(`^tok${vocabSize}\\.model$`),
  new RegExp(`^tok${vocabSize}\\.bin$`),
]

/** The tokenizer file for a vocabulary of this size among files, if there is one. */
export const findVocabularyName = (names: readonly string[], vocabSize: number): string | undefined => {
  for (const pattern of vocabularyNames(vocabSize)) {
    const name = names.find(candidate => pattern.test(baseName(candidate)))
    if (name !== undefined) return name
  }
  return undefined
}

const isVocabulary = (name: string) => vocabularyNames('\\d+').some(pattern => pattern.test(baseName(name)))

/** The pickles that transformers wrote before safetensors: never read. */
const isPyTorch = (name: string) => baseName(name).startsWith('pytorch_model')

/** What a folder holds: the files that make up its one model, and the tokenizers beside it. */
export interface ModelFiles {
  readonly kind: 'huggingFace' | 'meta' | 'single'
  readonly weights: readonly string[]
  readonly vocabularies: readonly string[]
}

export const configName = 'config.json'
export const paramsName = 'params.json'
export const indexName = 'model.safetensors.index.json'

/** Weights that are but a part of a model. */
export const isShard = (name: string): boolean =>
  /-\d+-of-\d+\.safetensors$|^consolidated\.\d+\.pth$/.test(baseName(name))

/** Picks the model among the files of a folder. Throws a `SourceError` where there is none, or more than one. */
export const chooseFiles = (folder: string, names: readonly string[]): ModelFiles => {
  const named = (...wanted: string[]) => names.filter(name => wanted.includes(baseName(name)))
  const ending = (end: string) => names.filter(name => baseName(name).endsWith(end))
  const vocabularies = names.filter(isVocabulary)
  const safetensors = ending('.safetensors')
  if (safetensors.length > 0) {
    const single = named(indexName).length === 0 ? named('model.safetensors') : []
    const shards = single.length > 0 ? single : safetensors
    return { kind: 'huggingFace', weights: [...shards, ...named(configName, indexName)], vocabularies }
  }
  const shards = names.filter(name => /^consolidated\.\d+\.pth$/.test(baseName(name)))
  if (shards.length > 0) return { kind: 'meta', weights: [...shards, ...named(paramsName)], vocabularies }
  const single = [...ending('.gguf'), ...ending('.bin').filter(name => !isVocabulary(name) && !isPyTorch(name))]
  const weights = single.length === 0 && names.length === 1 ? names : single
  if (weights.length === 1) return { kind: 'single', weights, vocabularies }
  if (weights.length === 0) {
    throw new SourceError({ file: folder }, 'holds no model: no .safetensors, consolidated.NN.pth, .gguf or .bin file')
  }
  throw new SourceError(
    { file: folder },
    `holds ${weights.length} models; name one of ${weights.map(baseName).join(', ')}`,
  )
}
