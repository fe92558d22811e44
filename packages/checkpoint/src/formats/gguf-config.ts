import { headDim, type ModelConfig, type RopeScaling } from '../config'
import type { WeightDType } from '../dtypes'
import { ConversionError, UnsupportedModelError } from '../errors'
import { type GgufFields, ggufFields } from './gguf-fields'
import type { GgufEntry, GgufMetadata } from './gguf-types'
import { yarnAttentionFactor } from './huggingface-config'

const readRopeScaling = (read: GgufFields, file: string, trained: number): RopeScaling | undefined => {
  const key = (name: string) => `llama.rope.scaling.${name}`
  // Older files give a linear factor alone.
  const old = read.number('llama.rope.scale_linear')
  const type = read.string(key('type')) ?? (old === undefined || old === 1 ? 'none' : 'linear')
  if (type === 'none') return undefined
  if (type !== 'linear' && type !== 'yarn') {
    throw new UnsupportedModelError({ file, field: key('type') }, `is ${JSON.stringify(type)}, expected linear or yarn`)
  }
  const factor = read.number(key('factor')) ?? old ?? read.need(key('factor'))
  if (type === 'linear') return { type, factor }
  for (const [name, only] of [
    ['yarn_ext_factor', 1],
    ['yarn_log_multiplier', 0],
  ] as const) {
    if ((read.number(key(name)) ?? only) === only) continue
    throw new UnsupportedModelError({ file, field: key(name) }, `is ${read.number(key(name))}, expected ${only}`)
  }
  // llama.cpp multiplies the paper's temperature by this; the config has the product.
  const attention = read.number(key('attn_factor')) ?? read.number(key('yarn_attn_factor')) ?? 1
  return {
    type,
    factor,
    original_max_seq_len: read.number(key('original_context_length')) ?? trained,
    beta_fast: read.number(key('yarn_beta_fast')) ?? 32,
    beta_slow: read.number(key('yarn_beta_slow')) ?? 1,
    attention_factor: yarnAttentionFactor(factor) * attention,
  }
}

/** Keys whose value must be the size of a head, and those that must be 0 or absent. */
const checkArchitecture = (read: GgufFields, file: string, config: ModelConfig) => {
  for (const key of ['llama.rope.dimension_count', 'llama.attention.key_length', 'llama.attention.value_length']) {
    const value = read.number(key) ?? headDim(config)
    if (value === headDim(config)) continue
    throw new UnsupportedModelError(
      { file, field: key },
      `is ${value}, expected the size of a head, ${headDim(config)}`,
    )
  }
  const experts = read.number('llama.expert_count') ?? 0
  if (experts > 0) {
    throw new UnsupportedModelError(
      { file, field: 'llama.expert_count' },
      `is ${experts}; mixtures of experts are no LLaMA`,
    )
  }
}

/** The config in GGUF metadata (keys `llama.*`). Throws by key for what is missing or is no LLaMA. */
export const readGgufConfig = (
  metadata: GgufMetadata,
  file: string,
  vocab_size: number,
  tied: boolean,
): ModelConfig => {
  const read = ggufFields(metadata, file)
  const architecture = read.string('general.architecture')
  if (architecture !== 'llama') {
    throw new UnsupportedModelError(
      { file, field: 'general.architecture' },
      `is ${JSON.stringify(architecture) ?? 'missing'}, expected "llama"`,
    )
  }
  const parts = read.number('split.count') ?? 1
  if (parts > 1) {
    throw new UnsupportedModelError(
      { file, field: 'split.count' },
      `is ${parts}: this is one of several parts; merge them with llama.cpp's llama-gguf-split --merge`,
    )
  }
  const n_heads = read.need('llama.attention.head_count')
  const max_seq_len = read.need('llama.context_length')
  const rope_scaling = readRopeScaling(read, file, max_seq_len)
  const config = {
    dim: read.need('llama.embedding_length'),
    n_layers: read.need('llama.block_count'),
    n_heads,
    n_kv_heads: read.number('llama.attention.head_count_kv') ?? n_heads,
    vocab_size,
    hidden_dim: read.need('llama.feed_forward_length'),
    norm_eps: read.need('llama.attention.layer_norm_rms_epsilon'),
    max_seq_len,
    rope_theta: read.number('llama.rope.freq_base') ?? 10000,
    ...(rope_scaling && { rope_scaling }),
    tied_output: tied,
  }
  checkArchitecture(read, file, config)
  return config
}

const text = (key: string, value: string): GgufEntry => [key, { type: 'string', value }]
const count = (key: string, value: number): GgufEntry => [key, { type: 'u32', value }]
const real = (key: string, value: number): GgufEntry => [key, { type: 'f32', value }]

const ropeScalingEntries = (scaling: RopeScaling | undefined, file: string): GgufEntry[] => {
  if (!scaling) return []
  const key = (name: string) => `llama.rope.scaling.${name}`
  if (scaling.type === 'dynamic') {
    throw new ConversionError(
      { file, field: 'rope_scaling' },
      'is dynamic, which GGUF cannot say; write a Hugging Face folder instead',
    )
  }
  const common = [text(key('type'), scaling.type), real(key('factor'), scaling.factor)]
  if (scaling.type === 'linear') return common
  return [
    ...common,
    count(key('original_context_length'), scaling.original_max_seq_len),
    real(key('attn_factor'), scaling.attention_factor / yarnAttentionFactor(scaling.factor)),
    real(key('yarn_beta_fast'), scaling.beta_fast),
    real(key('yarn_beta_slow'), scaling.beta_slow),
  ]
}

/** `general.file_type`, which says what most tensors are. */
const fileTypes: Readonly<Record<WeightDType, number>> = { f32: 0, f16: 1, q4_0: 2, q8_0: 7 }

/** The metadata that says a config. Throws a `ConversionError` for rope scaling that GGUF has no words for. */
export const configEntries = (config: ModelConfig, name: string, dtype: WeightDType, file: string): GgufEntry[] => [
  text('general.architecture', 'llama'),
  text('general.name', name),
  count('general.file_type', fileTypes[dtype]),
  count('general.quantization_version', 2),
  count('llama.vocab_size', config.vocab_size),
  count('llama.context_length', config.max_seq_len),
  count('llama.embedding_length', config.dim),
  count('llama.block_count', config.n_layers),
  count('llama.feed_forward_length', config.hidden_dim),
  count('llama.attention.head_count', config.n_heads),
  count('llama.attention.head_count_kv', config.n_kv_heads),
  real('llama.attention.layer_norm_rms_epsilon', config.norm_eps),
  count('llama.rope.dimension_count', headDim(config)),
  real('llama.rope.freq_base', config.rope_theta),
  ...ropeScalingEntries(config.rope_scaling, file),
]
