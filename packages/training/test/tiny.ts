import { initialise } from '@cria/layers'
import type { Llama, LlamaConfig } from '@cria/llama'
import { llama2 } from '@cria/llama2'
import type { Device } from '@cria/tensor'
import type { TrainingData } from '../src'

export const config = {
  ...{ dim: 16, n_layers: 2, n_heads: 4, n_kv_heads: 2, vocab_size: 24, hidden_dim: 24 },
  ...{ max_seq_len: 12, norm_eps: 1e-5 },
} satisfies LlamaConfig

/** A model that learns in a second. */
export const tinyModel = (device: Device, seed = 1, choices: Partial<LlamaConfig> = {}): Llama => {
  const model = llama2(device, { ...config, ...choices })
  initialise(model, device, { seed, deviation: 0.2 })
  return model
}

/** Rows that count up. Each row starts from a different number and has two documents. */
export const counting: TrainingData = {
  sources: [{ name: 'even' }, { name: 'odd' }],
  row: n => ({
    ids: Array.from({ length: config.max_seq_len + 1 }, (_, t) => (5 * n + t) % config.vocab_size),
    documents: [0, 4 + (n % 5)],
    source: n % 2,
  }),
}

/** Every parameter's values, by path. */
export const weightsOf = async (model: Llama): Promise<Record<string, number[]>> => {
  const weights: Record<string, number[]> = {}
  for (const [path, { tensor }] of model.parameters()) weights[path] = [...(await tensor.read())]
  return weights
}
