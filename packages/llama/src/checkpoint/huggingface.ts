import {
  type HuggingFaceMetadata,
  type JsonObject,
  jsonFields,
  MalformedFileError,
  type Place,
  UnsupportedModelError,
} from '@cria/checkpoint'
import type { RopeScaling } from '@cria/layers'
import type { LlamaConfig, ResolvedConfig } from '../config'
import { yarnAttentionFactor } from './rope-factors'

interface Rope {
  readonly theta: number
  readonly scaling: RopeScaling | undefined
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Rotary settings: in `rope_scaling`, or since transformers 5 in `rope_parameters`. The first one that is not empty is used. */
const ropeObject = (json: JsonObject, place: Place): readonly [name: string, value: JsonObject] => {
  for (const name of ['rope_scaling', 'rope_parameters']) {
    const value = json[name] ?? {}
    if (!isObject(value)) {
      throw new MalformedFileError({ ...place, field: name }, `is ${JSON.stringify(value)}, expected an object or null`)
    }
    if (Object.keys(value).length > 0) return [name, value]
  }
  return ['rope_scaling', {}]
}

const readYarn = (json: JsonObject, name: string, value: JsonObject, place: Place, trained: number): RopeScaling => {
  const fields = jsonFields(value, place, `${name}.`)
  for (const field of ['mscale', 'mscale_all_dim']) {
    if ((value[field] ?? null) === null) continue
    throw new UnsupportedModelError({ ...place, field: `${name}.${field}` }, 'is not supported')
  }
  if (value.truncate === false) {
    throw new UnsupportedModelError({ ...place, field: `${name}.truncate` }, 'is false, which is not supported')
  }
  const factor = fields.number('factor')
  const original = fields.number('original_max_position_embeddings', trained)
  return {
    type: 'yarn',
    factor,
    original_max_seq_len: jsonFields(json, place).number('original_max_position_embeddings', original),
    beta_fast: fields.number('beta_fast', 32),
    beta_slow: fields.number('beta_slow', 1),
    attention_factor: fields.number('attention_factor', yarnAttentionFactor(factor)),
  }
}

/** Theta and scaling, each setting from where transformers' `standardize_rope_params` takes it. */
const readRope = (json: JsonObject, place: Place, trained: number): Rope => {
  const [name, value] = ropeObject(json, place)
  for (const [field, part] of [
    ['partial_rotary_factor', json.partial_rotary_factor],
    [`${name}.partial_rotary_factor`, value.partial_rotary_factor],
  ] as const) {
    if ((part ?? 1) === 1) continue
    throw new UnsupportedModelError({ ...place, field }, `is ${JSON.stringify(part)}, expected 1 as in LLaMA`)
  }
  const fields = jsonFields(value, place, `${name}.`)
  const theta = fields.number('rope_theta', jsonFields(json, place).number('rope_theta', 10000))
  // A factor without a type has no known meaning.
  const type = fields.string('rope_type' in value ? 'rope_type' : 'type', 'factor' in value ? undefined : 'default')
  if (type === 'default') return { theta, scaling: undefined }
  if (type === 'linear') return { theta, scaling: { type, factor: fields.number('factor') } }
  // For dynamic scaling, transformers knows only the model's length.
  if (type === 'dynamic') {
    return { theta, scaling: { type, factor: fields.number('factor'), original_max_seq_len: trained } }
  }
  if (type === 'yarn') return { theta, scaling: readYarn(json, name, value, place, trained) }
  if (type === 'llama3') {
    const scaling = {
      type,
      factor: fields.number('factor'),
      low_freq_factor: fields.number('low_freq_factor'),
      high_freq_factor: fields.number('high_freq_factor'),
      original_max_seq_len: fields.number('original_max_position_embeddings'),
    } as const
    return { theta, scaling }
  }
  throw new UnsupportedModelError(
    { ...place, field: `${name}.type` },
    `is ${JSON.stringify(type)}, expected linear, dynamic, yarn or llama3; other scalings are not supported`,
  )
}

const checkQuantisation = (json: JsonObject, place: Place) => {
  const { quantization_config: config, quantization: mlx } = json
  if (isObject(mlx) && 'bits' in mlx) {
    throw new UnsupportedModelError(
      { ...place, field: 'quantization' },
      `is set: these are weights of ${JSON.stringify(mlx.bits)} bits for MLX; get the original model, or a GGUF file`,
    )
  }
  if ((config ?? null) === null) return
  const method = isObject(config) ? (config.quant_method ?? 'an unknown method') : config
  throw new UnsupportedModelError(
    { ...place, field: 'quantization_config' },
    `is set (${JSON.stringify(method)}), which is not supported; get the original model, or a GGUF file`,
  )
}

/** The config of a Hugging Face folder (`config.json`), with the defaults of transformers' `LlamaConfig`. */
export const readHuggingFaceConfig = ({ config: json, file }: HuggingFaceMetadata): LlamaConfig => {
  const place = { file }
  checkQuantisation(json, place)
  const fields = jsonFields(json, place)
  const activation = fields.string('hidden_act', 'silu')
  if (activation !== 'silu' && activation !== 'swish') {
    throw new UnsupportedModelError(
      { ...place, field: 'hidden_act' },
      `is ${JSON.stringify(activation)}, expected "silu" as in LLaMA`,
    )
  }
  const n_heads = fields.number('num_attention_heads')
  const dim = fields.number('hidden_size')
  const trained = fields.number('max_position_embeddings', 2048)
  const { theta: rope_theta, scaling: rope_scaling } = readRope(json, place, trained)
  return {
    dim,
    n_layers: fields.number('num_hidden_layers'),
    n_heads,
    n_kv_heads: fields.number('num_key_value_heads', n_heads),
    head_dim: fields.number('head_dim', dim / n_heads),
    vocab_size: fields.number('vocab_size'),
    hidden_dim: fields.number('intermediate_size'),
    norm_eps: fields.number('rms_norm_eps', 1e-6),
    // The trained length times the factor: dynamic scaling shows only beyond the trained length.
    max_seq_len: rope_scaling?.type === 'dynamic' ? Math.floor(trained * rope_scaling.factor) : trained,
    rope_theta,
    rope_scaling,
    attention_bias: fields.boolean('attention_bias', false),
    mlp_bias: fields.boolean('mlp_bias', false),
    tied_output: fields.boolean('tie_word_embeddings', false),
  }
}

const scalingJson = (scaling: RopeScaling): JsonObject => {
  const { type, factor } = scaling
  const common = { rope_type: type, factor }
  if (type === 'yarn') {
    return {
      ...common,
      original_max_position_embeddings: scaling.original_max_seq_len,
      beta_fast: scaling.beta_fast,
      beta_slow: scaling.beta_slow,
      attention_factor: scaling.attention_factor,
    }
  }
  if (type === 'llama3') {
    return {
      ...common,
      low_freq_factor: scaling.low_freq_factor,
      high_freq_factor: scaling.high_freq_factor,
      original_max_position_embeddings: scaling.original_max_seq_len,
    }
  }
  return common
}

const torchDTypes = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' } as const

/** The types of weights in a Hugging Face folder. */
export type HuggingFaceDType = keyof typeof torchDTypes

/** The `config.json` that transformers reads as the same model. */
export const huggingFaceConfigJson = (config: ResolvedConfig, dtype: HuggingFaceDType): JsonObject => {
  const { rope_scaling: scaling } = config
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: config.dim,
    intermediate_size: config.hidden_dim,
    num_hidden_layers: config.n_layers,
    num_attention_heads: config.n_heads,
    num_key_value_heads: config.n_kv_heads,
    head_dim: config.head_dim,
    vocab_size: config.vocab_size,
    rms_norm_eps: config.norm_eps,
    max_position_embeddings: scaling?.type === 'dynamic' ? scaling.original_max_seq_len : config.max_seq_len,
    rope_theta: config.rope_theta,
    rope_scaling: scaling ? scalingJson(scaling) : null,
    tie_word_embeddings: config.tied_output,
    hidden_act: 'silu',
    attention_bias: config.attention_bias,
    mlp_bias: config.mlp_bias,
    torch_dtype: torchDTypes[dtype],
  }
}
