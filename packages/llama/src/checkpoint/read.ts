import {
  type Checkpoint,
  type GenerationSettings,
  generationSettings,
  ggufFields,
  type Metadata,
  selectWeights,
  UnsupportedModelError,
  type Vocabulary,
  type Weights,
} from '@cria/checkpoint'
import { type LlamaConfig, type ResolvedConfig, resolveConfig } from '../config'
import { readGgufConfig } from './gguf'
import { readHuggingFaceConfig } from './huggingface'
import { readLlama2cConfig } from './llama2c'
import { readMetaConfig } from './meta'
import { isDerivedTensor, llamaTensors } from './names'

/** Where a file names its architecture, and what it says there. */
const modelType = (metadata: Metadata): { readonly field: string; readonly value: unknown } => {
  if (metadata.kind === 'gguf') {
    const field = 'general.architecture'
    return { field, value: ggufFields(metadata.entries, metadata.file).string(field) }
  }
  if (metadata.kind === 'huggingface') return { field: 'model_type', value: metadata.config.model_type }
  // Only LLaMA models have these formats.
  return { field: metadata.kind, value: 'llama' }
}

/**
 * Whether a file says that it holds a model of this type: `general.architecture` of GGUF, `model_type` of `config.json`.
 * Meta's and llama2.c's files are always of type `llama`.
 */
export const hasModelType = (metadata: Metadata, type: string): boolean => modelType(metadata).value === type

/**
 * The first of these architectures that matches a model.
 * @throws UnsupportedModelError, which names what the file says and what is known, if there is none
 */
export const chooseArchitecture = <A extends { readonly name: string; matches(metadata: Metadata): boolean }>(
  metadata: Metadata,
  architectures: readonly A[],
): A => {
  const found = architectures.find(architecture => architecture.matches(metadata))
  if (found) return found
  const { field, value } = modelType(metadata)
  const known = architectures.map(({ name }) => JSON.stringify(name)).join(', ')
  throw new UnsupportedModelError(
    { file: metadata.file, field },
    `is ${JSON.stringify(value) ?? 'missing'}, expected ${known}; give an architecture of your own for other models`,
  )
}

export interface ReadConfigOptions {
  /** Settings that LLaMA does not have and the caller applies, such as `sliding_window`; otherwise they are refused. */
  readonly handled?: readonly string[] | undefined
}

const readConfig = (checkpoint: Checkpoint, handled: readonly string[]): LlamaConfig | Promise<LlamaConfig> => {
  const { metadata } = checkpoint
  if (metadata.kind === 'gguf') return readGgufConfig(checkpoint, metadata, handled)
  if (metadata.kind === 'huggingface') return readHuggingFaceConfig(metadata)
  if (metadata.kind === 'meta') return readMetaConfig(checkpoint, metadata)
  return readLlama2cConfig(metadata)
}

/**
 * The config of a checkpoint in any format. It does not check the model's type, so an architecture with LLaMA's names and
 * settings can use it too.
 * @throws MalformedFileError for a setting that is missing or has the wrong type
 * @throws UnsupportedModelError for a setting that LLaMA does not have, or sizes that no model can have
 */
export const readLlamaConfig = async (
  checkpoint: Checkpoint,
  { handled = [] }: ReadConfigOptions = {},
): Promise<ResolvedConfig> => {
  const { file } = checkpoint.metadata
  return resolveConfig(await readConfig(checkpoint, handled), (field, problem) => {
    throw new UnsupportedModelError({ file, field }, problem)
  })
}

/** A LLaMA's weights by the paths of its parameters, with all that a file of it says. Writers take it. */
export interface LlamaWeights extends Weights {
  readonly config: ResolvedConfig
  readonly generation: GenerationSettings
  readonly vocabulary: Vocabulary | undefined
}

/**
 * The LLaMA in a checkpoint. Nothing is read until its weights are.
 * @throws MalformedFileError @throws UnsupportedModelError for another model, or tensors that do not fit the config
 */
export const openLlama = async (checkpoint: Checkpoint): Promise<LlamaWeights> => {
  const { metadata, vocabulary } = checkpoint
  chooseArchitecture(metadata, [{ name: 'llama', matches: metadata => hasModelType(metadata, 'llama') }])
  const config = await readLlamaConfig(checkpoint)
  const weights = selectWeights(checkpoint, llamaTensors(config, checkpoint), name => isDerivedTensor(name, config))
  return { ...weights, config, generation: generationSettings(checkpoint), vocabulary }
}
