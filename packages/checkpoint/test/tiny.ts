import { type ModelConfig, memoryCheckpoint, weightsOf } from '../src/index'

/** A model of a few thousand parameters, with rows of 32 so that every block type of GGUF's legacy kinds fits. */
export const tinyConfig: ModelConfig = {
  dim: 32,
  n_layers: 2,
  n_heads: 4,
  n_kv_heads: 2,
  vocab_size: 48,
  hidden_dim: 64,
  norm_eps: 1e-6,
  max_seq_len: 128,
  rope_theta: 10000,
  tied_output: false,
}

/** Weights that tell every element of every tensor apart, by Meta's names. */
export const tinyArrays = (config: ModelConfig = tinyConfig): Map<string, Float32Array> => {
  let next = 0
  const arrays = new Map<string, Float32Array>()
  for (const { meta, shape } of weightsOf(config)) {
    const length = shape.reduce((a, b) => a * b)
    arrays.set(
      meta,
      Float32Array.from({ length }, () => Math.sin(++next)),
    )
  }
  return arrays
}

export const tinyCheckpoint = (config: ModelConfig = tinyConfig) => memoryCheckpoint(config, tinyArrays(config))
