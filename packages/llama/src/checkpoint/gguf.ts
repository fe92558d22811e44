import {
  type Checkpoint,
  ConversionError,
  type GgufEntry,
  type GgufFields,
  type GgufFileMetadata,
  ggufFields,
  UnsupportedModelError,
} from '@cria/checkpoint'
import type { EncodableDType } from '@cria/dtypes'
import type { RopeScaling } from '@cria/layers'
import type { LlamaConfig, ResolvedConfig } from '../config'
import { llama3Scaling, yarnAttentionFactor } from './rope-factors'

type Keys = (name: string) => string

const readScaling = (read: GgufFields, keys: Keys, file: string, trained: number): RopeScaling | undefined => {
  const key = (name: string) => keys(`rope.scaling.${name}`)
  // Older files have only a linear factor.
  const old = read.number(keys('rope.scale_linear'))
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
  // llama.cpp multiplies the paper's temperature by this. The config has the product.
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

/** The scaling in the tensor `rope_freqs.weight`, which Llama 3.1 and later have instead of settings. */
const readRopeFactors = async (
  checkpoint: Checkpoint,
  headDim: number,
  theta: number,
): Promise<RopeScaling | undefined> => {
  const name = 'rope_freqs.weight'
  const info = checkpoint.tensors.get(name)
  if (!info) return undefined
  const refuse = (problem: string): never => {
    throw new UnsupportedModelError({ file: checkpoint.name, tensor: name }, problem)
  }
  if (info.shape.length !== 1 || info.shape[0] !== headDim / 2) {
    return refuse(`has shape [${info.shape}], expected [${headDim / 2}]: one factor for each rotary pair`)
  }
  const { data } = await checkpoint.read(name, { dtype: 'f32' })
  return llama3Scaling(data as Float32Array, { headDim, theta }) ?? refuse('is not the llama3 scaling of rotary angles')
}

/** Keys of settings that change what the model computes, and that LLaMA does not have. */
const foreign = [
  'attention.sliding_window',
  'attention.clamp_kqv',
  'attention.max_alibi_bias',
  'attention.scale',
  'expert_count',
  'logit_scale',
  'residual_scale',
  'embedding_scale',
  'attn_logit_softcapping',
  'final_logit_softcapping',
]

const checkForeign = (read: GgufFields, keys: Keys, file: string, handled: readonly string[]) => {
  for (const name of foreign) {
    const field = keys(name)
    if (handled.includes(name.replace(/^attention\./, '')) || (read.number(field) ?? 0) === 0) continue
    const problem = name === 'expert_count' ? 'mixtures of experts are' : 'this setting is'
    throw new UnsupportedModelError({ file, field }, `is ${read.number(field)}; ${problem} not part of LLaMA`)
  }
}

const headDimOf = (read: GgufFields, keys: Keys, file: string, usual: number): number => {
  const headDim = read.number(keys('attention.key_length')) ?? usual
  for (const name of ['attention.value_length', 'rope.dimension_count']) {
    const value = read.number(keys(name)) ?? headDim
    if (value === headDim) continue
    throw new UnsupportedModelError({ file, field: keys(name) }, `is ${value}, expected the size of a head, ${headDim}`)
  }
  return headDim
}

/** The config in GGUF metadata, from the keys of the file's own architecture. */
export const readGgufConfig = async (
  checkpoint: Checkpoint,
  { entries, file }: GgufFileMetadata,
  handled: readonly string[],
): Promise<LlamaConfig> => {
  const read = ggufFields(entries, file)
  const architecture = read.string('general.architecture') ?? 'llama'
  const keys: Keys = name => `${architecture}.${name}`
  const embedding = checkpoint.tensors.get('token_embd.weight')
  if (!embedding) {
    throw new UnsupportedModelError(
      { file, tensor: 'token_embd.weight' },
      'is missing; does this file hold a vocabulary only?',
    )
  }
  const n_heads = read.need(keys('attention.head_count'))
  const dim = read.need(keys('embedding_length'))
  const max_seq_len = read.need(keys('context_length'))
  const rope_theta = read.number(keys('rope.freq_base')) ?? 10000
  const head_dim = headDimOf(read, keys, file, dim / n_heads)
  checkForeign(read, keys, file, handled)
  const scaling = readScaling(read, keys, file, max_seq_len)
  const factors = scaling ? undefined : await readRopeFactors(checkpoint, head_dim, rope_theta)
  return {
    dim,
    n_layers: read.need(keys('block_count')),
    n_heads,
    n_kv_heads: read.number(keys('attention.head_count_kv')) ?? n_heads,
    head_dim,
    // The rows of the embedding are the vocabulary.
    vocab_size: embedding.shape[0],
    hidden_dim: read.need(keys('feed_forward_length')),
    norm_eps: read.need(keys('attention.layer_norm_rms_epsilon')),
    max_seq_len,
    rope_theta,
    rope_scaling: scaling ?? factors,
    attention_bias: checkpoint.tensors.has('blk.0.attn_q.bias'),
    mlp_bias: checkpoint.tensors.has('blk.0.ffn_gate.bias'),
    // Without an output projection, it is the embedding.
    tied_output: !checkpoint.tensors.has('output.weight'),
  }
}

const text = (key: string, value: string): GgufEntry => [key, { type: 'string', value }]
const count = (key: string, value: number): GgufEntry => [key, { type: 'u32', value }]
const real = (key: string, value: number): GgufEntry => [key, { type: 'f32', value }]

const scalingEntries = (scaling: RopeScaling | undefined, file: string): GgufEntry[] => {
  // Llama 3's scaling is written as a tensor.
  if (!scaling || scaling.type === 'llama3') return []
  const key = (name: string) => `llama.rope.scaling.${name}`
  if (scaling.type === 'dynamic') {
    throw new ConversionError(
      { file, field: 'rope_scaling' },
      'is dynamic, which GGUF does not have; write a Hugging Face folder instead',
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
const fileTypes: Readonly<Record<EncodableDType, number>> = { f32: 0, f16: 1, q4_0: 2, q8_0: 7, bf16: 32 }

/** The metadata for a config. @throws ConversionError for rope scaling that GGUF does not have */
export const ggufConfigEntries = (
  config: ResolvedConfig,
  name: string,
  dtype: EncodableDType,
  file: string,
): GgufEntry[] => [
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
  ...(config.head_dim === config.dim / config.n_heads
    ? []
    : [count('llama.attention.key_length', config.head_dim), count('llama.attention.value_length', config.head_dim)]),
  real('llama.attention.layer_norm_rms_epsilon', config.norm_eps),
  count('llama.rope.dimension_count', config.head_dim),
  real('llama.rope.freq_base', config.rope_theta),
  ...scalingEntries(config.rope_scaling, file),
]
