import { type GenerationSettings, memoryWeights, noGeneration, type Vocabulary } from '@cria/checkpoint'
import { type LlamaConfig, resolveConfig } from '../config'
import { llamaWeights } from './names'
import type { LlamaWeights } from './read'

export interface MemoryLlamaOptions {
  /** What errors call it. */
  readonly name?: string | undefined
  readonly vocabulary?: Vocabulary | undefined
  readonly generation?: GenerationSettings | undefined
}

/**
 * A LLaMA over arrays in memory, by the paths of its parameters, with wq and wk in interleaved pairs: a model that was
 * trained here, for a writer.
 * @throws ConfigError @throws ConversionError for an array that is missing, unknown, or of the wrong length
 */
export const memoryLlama = (
  config: LlamaConfig,
  arrays: ReadonlyMap<string, Float32Array>,
  { name = 'memory', vocabulary, generation = noGeneration }: MemoryLlamaOptions = {},
): LlamaWeights => {
  const resolved = resolveConfig(config)
  return { ...memoryWeights(llamaWeights(resolved), arrays, name), config: resolved, generation, vocabulary }
}
