import { llamaWeights, memoryLlama } from '../../src/checkpoint'
import { type LlamaConfig, resolveConfig } from '../../src/config'

/** A model of a few thousand parameters, with rows of 32 so that every block type of 32 elements fits. */
export const tinyConfig = resolveConfig({
  dim: 32,
  n_layers: 2,
  n_heads: 4,
  n_kv_heads: 2,
  vocab_size: 48,
  hidden_dim: 64,
  norm_eps: 1e-6,
  max_seq_len: 128,
})

/** Weights that differ in every element of every tensor, by path. */
export const tinyArrays = (config: LlamaConfig = tinyConfig): Map<string, Float32Array> => {
  let next = 0
  const arrays = new Map<string, Float32Array>()
  for (const { path, shape } of llamaWeights(resolveConfig(config))) {
    const length = shape.reduce((a, b) => a * b)
    arrays.set(
      path,
      Float32Array.from({ length }, () => Math.sin(++next)),
    )
  }
  return arrays
}

export const tinyModel = (config: LlamaConfig = tinyConfig) => memoryLlama(config, tinyArrays(config))
