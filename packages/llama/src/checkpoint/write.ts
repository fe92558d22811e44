import {
  ConversionError,
  type GgufVocabulary,
  generationEntries,
  generationFiles,
  jsonFile,
  type OutputFile,
  type OutputTensor,
  padVocabulary,
  vocabularyEntries,
  vocabularyFiles,
  withGeneration,
  writeGgufFile,
  writeLlama2cFile,
  writeShardedSafetensors,
} from '@cria/checkpoint'
import { bytesOf, dtypes, type EncodableDType, rowLength } from '@cria/dtypes'
import { ggufConfigEntries } from './gguf'
import { type HuggingFaceDType, huggingFaceConfigJson } from './huggingface'
import { llama2cConstants } from './llama2c'
import { type LlamaWeight, llamaWeights } from './names'
import type { LlamaWeights } from './read'
import { ropeFactors } from './rope-factors'
import { halvesRow } from './rotary-rows'

/**
 * The type of a weight in a model that is converted to `wanted`: vectors stay f32, and a matrix whose rows are not whole
 * blocks becomes f16, as in llama.cpp's own conversions.
 */
const storedType = (shape: readonly number[], wanted: EncodableDType): EncodableDType => {
  if (shape.length < 2) return 'f32'
  return rowLength(shape) % dtypes[wanted].blockElements === 0 ? wanted : 'f16'
}

const outputTensor = (
  model: LlamaWeights,
  { path, shape }: LlamaWeight,
  name: string,
  dtype: EncodableDType,
): OutputTensor => ({
  name,
  shape,
  dtype,
  bytes: async ({ signal }) => bytesOf((await model.read(path, { dtype, signal })).data),
})

export interface WriteGgufOptions {
  /** The type of the matrices; f32 by default. Vectors stay f32, and rows that are not whole blocks become f16. */
  readonly dtype?: EncodableDType | undefined
  /** The tokenizer to put inside; by default the model's own, if that came from a GGUF file. */
  readonly vocabulary?: GgufVocabulary | undefined
  /** `general.name`. */
  readonly modelName?: string | undefined
}

const ownVocabulary = ({ vocabulary }: LlamaWeights) => (vocabulary?.kind === 'gguf' ? vocabulary : undefined)

/** GGUF has the scaling of Llama 3.1 as a tensor. */
const factorTensors = ({ config: { rope_scaling, head_dim, rope_theta } }: LlamaWeights): OutputTensor[] => {
  if (rope_scaling?.type !== 'llama3') return []
  const factors = ropeFactors(rope_scaling, { headDim: head_dim, theta: rope_theta })
  return [
    { name: 'rope_freqs.weight', dtype: 'f32', shape: [head_dim / 2], bytes: async () => bytesOf(factors).slice() },
  ]
}

/**
 * A GGUF version 3 file with the tokenizer and the settings of generation inside, as llama.cpp reads it. If the vocabulary
 * has fewer pieces than the model has rows, unused pieces fill it up.
 * @throws ConversionError for settings that GGUF does not have (dynamic rope scaling), or more pieces than rows
 */
export const writeGguf = (
  model: LlamaWeights,
  { dtype = 'f32', vocabulary: given, modelName = 'llama' }: WriteGgufOptions = {},
  name = 'model.gguf',
): OutputFile => {
  const { config, name: file, generation } = model
  const vocabulary = given ? withGeneration(given, generation, file) : ownVocabulary(model)
  if (vocabulary && vocabulary.tokens.length > config.vocab_size) {
    throw new ConversionError(
      { file, field: 'vocabulary' },
      `has ${vocabulary.tokens.length} pieces, but the model has ${config.vocab_size}; give the tokenizer of this model`,
    )
  }
  const entries = [...ggufConfigEntries(config, modelName, dtype, file), ...generationEntries(generation)]
  if (vocabulary) entries.push(...vocabularyEntries(padVocabulary(vocabulary, config.vocab_size)))
  const tensors = [...llamaWeights(config)].map(weight =>
    outputTensor(model, weight, weight.gguf, storedType(weight.shape, dtype)),
  )
  return writeGgufFile(name, entries, [...tensors, ...factorTensors(model)])
}

/** Moves the rows of wq, wk and their biases from interleaved pairs to halves. */
const toHalves = (bytes: Uint8Array<ArrayBuffer>, rows: number, headDim: number): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(bytes.length)
  const stride = bytes.length / rows
  for (let row = 0; row < rows; row++) {
    out.set(bytes.subarray(row * stride, (row + 1) * stride), halvesRow(row, headDim) * stride)
  }
  return out
}

export interface WriteHuggingFaceOptions {
  /** The type of every weight; f32 by default. */
  readonly dtype?: HuggingFaceDType | undefined
  /** Bytes of tensors in one file; 5 GB by default, as in transformers. */
  readonly maxShardBytes?: number | undefined
}

/**
 * A Hugging Face folder: `config.json`, `generation_config.json`, `model.safetensors` (or shards with their index if it
 * would be larger than `maxShardBytes`), and the tokenizer's files if the model has them beside it.
 * @throws ConversionError if `maxShardBytes` is not positive
 */
export const writeHuggingFace = (
  model: LlamaWeights,
  { dtype = 'f32', maxShardBytes }: WriteHuggingFaceOptions = {},
): OutputFile[] => {
  const tensors = [...llamaWeights(model.config)].map(weight => {
    const tensor = outputTensor(model, weight, weight.huggingFace, dtype)
    const { rotaryHeadDim } = weight
    if (rotaryHeadDim === undefined) return tensor
    return {
      ...tensor,
      bytes: async (options = {}) => toHalves(await tensor.bytes(options), weight.shape[0], rotaryHeadDim),
    }
  })
  const beside = vocabularyFiles(model.vocabulary)
  const generation = generationFiles(model.generation)
  const config = { ...huggingFaceConfigJson(model.config, dtype), ...generation.config }
  return [
    jsonFile('config.json', config),
    ...generation.files.filter(({ name }) => !beside.some(file => file.name === name)),
    ...beside,
    ...writeShardedSafetensors(tensors, maxShardBytes),
  ]
}

const checkLlama2c = ({ name: file, config }: LlamaWeights) => {
  const refuse = (field: string, problem: string): never => {
    throw new ConversionError({ file, field }, `${problem}; write GGUF or a Hugging Face folder instead`)
  }
  for (const [field, expected] of Object.entries(llama2cConstants)) {
    const value = config[field as keyof typeof llama2cConstants]
    if (value !== expected) refuse(field, `is ${value}, but a llama2.c file means ${expected}`)
  }
  const { rope_scaling, head_dim, dim, n_heads } = config
  if (rope_scaling) refuse('rope_scaling', `is ${rope_scaling.type}, which llama2.c files do not have`)
  if (head_dim !== dim / n_heads) refuse('head_dim', `is ${head_dim}, but a llama2.c file means dim / n_heads`)
  for (const field of ['attention_bias', 'mlp_bias'] as const) {
    if (config[field]) refuse(field, 'is true, and llama2.c files have no biases')
  }
}

/**
 * A llama2.c version 0 checkpoint, all f32.
 * @throws ConversionError for settings that the format does not have: another norm_eps or rope_theta than `run.c`'s, rope
 * scaling, heads of another size, biases
 */
export const writeLlama2c = (model: LlamaWeights, name = 'model.bin'): OutputFile => {
  checkLlama2c(model)
  const { dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, max_seq_len, tied_output } = model.config
  const sizes = { dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size }
  return writeLlama2cFile(
    name,
    { ...sizes, seq_len: max_seq_len, shared_classifier: tied_output },
    async (path, options) => {
      const { data } = await model.read(path, { ...options, dtype: 'f32' })
      return data as Float32Array<ArrayBuffer>
    },
  )
}
