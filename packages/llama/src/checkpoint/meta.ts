import { type Checkpoint, jsonFields, type MetaMetadata, UnsupportedModelError } from '@cria/checkpoint'
import type { RopeScaling } from '@cria/layers'
import type { LlamaConfig } from '../config'

/** Parameters that `params.json` may have. Any other may change what the model computes, so it is refused. */
const known = [
  'dim',
  'n_layers',
  'n_heads',
  'n_kv_heads',
  'vocab_size',
  'multiple_of',
  'ffn_dim_multiplier',
  'norm_eps',
  'max_seq_len',
  'max_batch_size',
  'rope_theta',
  'use_scaled_rope',
  'rope_scaling_factor',
  'rope_high_freq_factor',
]

/** Llama 3.1's scaling, whose numbers Meta's code has and `params.json` has not. */
const scaled = { type: 'llama3', low_freq_factor: 1, original_max_seq_len: 8192 } as const

/** Width of the largest of the small Llama 3.2 models (1B, 3B), whose scaling is four times as large. */
const maxSmallDim = 3072

/** Contexts of the released models, which `params.json` does not say: Meta's code takes them as an option. */
const contexts = { llama: 2048, llama2: 4096, llama3: 8192, scaled: 131_072 } as const

/** Vocabulary of Llama 3. */
const llama3Rows = 128_256

/** The config in `params.json`. The tensors say what it does not: LLaMA 2 writes -1 as its vocabulary. */
export const readMetaConfig = ({ tensors }: Checkpoint, { params, file }: MetaMetadata): LlamaConfig => {
  for (const [field, value] of Object.entries(params)) {
    if (known.includes(field) || value === null || value === false) continue
    throw new UnsupportedModelError(
      { file, field },
      `is ${JSON.stringify(value)}, a parameter that no LLaMA model of Meta has`,
    )
  }
  const fields = jsonFields(params, { file })
  const dim = fields.number('dim')
  const norm_eps = fields.number('norm_eps')
  const { shape = [-1, -1], shards = 1 } = tensors.get('tok_embeddings.weight') ?? {}
  const rows = shape[1] === dim ? shape[0] * shards : shape[0]
  const vocab_size = fields.number('vocab_size', -1) === -1 ? rows : fields.number('vocab_size')
  const isScaled = fields.boolean('use_scaled_rope', false)
  const rope_scaling: RopeScaling | undefined = isScaled
    ? {
        ...scaled,
        factor: fields.number('rope_scaling_factor', dim <= maxSmallDim ? 32 : 8),
        high_freq_factor: fields.number('rope_high_freq_factor', 4),
      }
    : undefined
  const unscaled = vocab_size === llama3Rows ? contexts.llama3 : norm_eps === 1e-5 ? contexts.llama2 : contexts.llama
  return {
    dim,
    n_layers: fields.number('n_layers'),
    n_heads: fields.number('n_heads'),
    n_kv_heads: fields.number('n_kv_heads', fields.number('n_heads')),
    vocab_size,
    multiple_of: fields.number('multiple_of', 256),
    ffn_dim_multiplier: params.ffn_dim_multiplier == null ? undefined : fields.number('ffn_dim_multiplier'),
    norm_eps,
    max_seq_len: fields.number('max_seq_len', isScaled ? contexts.scaled : unscaled),
    rope_theta: fields.number('rope_theta', 10000),
    rope_scaling,
    tied_output: !tensors.has('output.weight'),
  }
}
