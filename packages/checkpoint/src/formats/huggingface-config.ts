import type { ModelConfig, RopeScaling } from '../config'
import { MalformedFileError, type Place, UnsupportedModelError } from '../errors'
import { fieldsOf, isObject, type JsonObject } from './json'

/** YaRN's attention temperature, 0.1 ln(s) + 1 (Peng et al., 2023, equation 22). */
export const yarnAttentionFactor = (factor: number): number => (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1)

interface Rope {
  readonly theta: number
  readonly scaling: RopeScaling | undefined
}

/** Where rotary settings are: in `rope_scaling`, or since transformers 5 in `rope_parameters`, of which the first given counts. */
const ropeObject = (json: JsonObject, place: Place): readonly [name: string, value: JsonObject] | undefined => {
  for (const name of ['rope_scaling', 'rope_parameters']) {
    const value = json[name] ?? {}
    if (!isObject(value)) {
      throw new MalformedFileError({ ...place, field: name }, `is ${JSON.stringify(value)}, expected an object or null`)
    }
    if (Object.keys(value).length > 0) return [name, value]
  }
  return undefined
}

const readYarn = (json: JsonObject, name: string, value: JsonObject, place: Place, trained: number): RopeScaling => {
  const fields = fieldsOf(value, place, `${name}.`)
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
    original_max_seq_len: fieldsOf(json, place).number('original_max_position_embeddings', original),
    beta_fast: fields.number('beta_fast', 32),
    beta_slow: fields.number('beta_slow', 1),
    attention_factor: fields.number('attention_factor', yarnAttentionFactor(factor)),
  }
}

/** Theta and scaling, each setting from where transformers' `standardize_rope_params` has it. */
const readRope = (json: JsonObject, place: Place, trained: number): Rope => {
  const [name, value] = ropeObject(json, place) ?? ['rope_scaling', {}]
  for (const [field, part] of [
    ['partial_rotary_factor', json.partial_rotary_factor],
    [`${name}.partial_rotary_factor`, value.partial_rotary_factor],
  ] as const) {
    if ((part ?? 1) === 1) continue
    throw new UnsupportedModelError({ ...place, field }, `is ${JSON.stringify(part)}, expected 1 as in LLaMA`)
  }
  const fields = fieldsOf(value, place, `${name}.`)
  const theta = fields.number('rope_theta', fieldsOf(json, place).number('rope_theta', 10000))
  // A factor without a type says something, and nobody knows what.
  const type = fields.string('rope_type' in value ? 'rope_type' : 'type', 'factor' in value ? undefined : 'default')
  if (type === 'default') return { theta, scaling: undefined }
  if (type === 'linear') return { theta, scaling: { type, factor: fields.number('factor') } }
  // Of dynamic scaling transformers knows no other length than the model's.
  if (type === 'dynamic') {
    return { theta, scaling: { type, factor: fields.number('factor'), original_max_seq_len: trained } }
  }
  if (type === 'yarn') return { theta, scaling: readYarn(json, name, value, place, trained) }
  throw new UnsupportedModelError(
    { ...place, field: `${name}.type` },
    `is ${JSON.stringify(type)}, expected linear, dynamic or yarn; other scalings are not supported`,
  )
}

/** Settings that change what the model computes, and the one value of each that is a LLaMA. */
const required: Readonly<Record<string, unknown>> = {
  model_type: 'llama',
  hidden_act: 'silu',
  attention_bias: false,
  mlp_bias: false,
  quantization_config: null,
}

const checkRequired = (json: JsonObject, place: Place) => {
  if (typeof json.model_type !== 'string') {
    throw new MalformedFileError({ ...place, field: 'model_type' }, 'is missing; is this the config of a model?')
  }
  for (const [field, expected] of Object.entries(required)) {
    const value = json[field] ?? expected
    if (value === expected) continue
    const shown = isObject(value) ? 'set' : JSON.stringify(value)
    throw new UnsupportedModelError(
      { ...place, field },
      `is ${shown}, expected ${JSON.stringify(expected)} as in LLaMA`,
    )
  }
}

/**
 * The config of a Hugging Face folder (`config.json` of transformers' `LlamaConfig`). Absent fields have that class's
 * defaults where those are LLaMA's. With dynamic scaling, `max_seq_len` is the trained length times the factor: the
 * scaling shows only beyond the trained length. Throws by field for what is no LLaMA.
 */
export const readHuggingFaceConfig = (json: JsonObject, place: Place): ModelConfig => {
  checkRequired(json, place)
  const fields = fieldsOf(json, place)
  const n_heads = fields.number('num_attention_heads')
  const dim = fields.number('hidden_size')
  if (fields.number('head_dim', dim / n_heads) !== dim / n_heads) {
    throw new UnsupportedModelError(
      { ...place, field: 'head_dim' },
      `is ${json.head_dim}, expected hidden_size / num_attention_heads = ${dim / n_heads}`,
    )
  }
  const trained = fields.number('max_position_embeddings', 2048)
  const { theta: rope_theta, scaling: rope_scaling } = readRope(json, place, trained)
  const dynamic = rope_scaling?.type === 'dynamic' ? rope_scaling : undefined
  return {
    dim,
    n_layers: fields.number('num_hidden_layers'),
    n_heads,
    n_kv_heads: fields.number('num_key_value_heads', n_heads),
    vocab_size: fields.number('vocab_size'),
    hidden_dim: fields.number('intermediate_size'),
    norm_eps: fields.number('rms_norm_eps', 1e-6),
    max_seq_len: dynamic ? Math.floor(dynamic.original_max_seq_len * dynamic.factor) : trained,
    rope_theta,
    ...(rope_scaling && { rope_scaling }),
    tied_output: fields.boolean('tie_word_embeddings', false),
  }
}

/** The `config.json` that transformers reads as the same model. */
export const writeHuggingFaceConfig = (config: ModelConfig, torch_dtype: 'float32' | 'float16'): JsonObject => {
  const { rope_scaling: scaling } = config
  const rope_scaling = scaling && {
    rope_type: scaling.type,
    factor: scaling.factor,
    ...(scaling.type === 'yarn' && {
      original_max_position_embeddings: scaling.original_max_seq_len,
      beta_fast: scaling.beta_fast,
      beta_slow: scaling.beta_slow,
      attention_factor: scaling.attention_factor,
    }),
  }
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: config.dim,
    intermediate_size: config.hidden_dim,
    num_hidden_layers: config.n_layers,
    num_attention_heads: config.n_heads,
    num_key_value_heads: config.n_kv_heads,
    vocab_size: config.vocab_size,
    rms_norm_eps: config.norm_eps,
    max_position_embeddings: scaling?.type === 'dynamic' ? scaling.original_max_seq_len : config.max_seq_len,
    rope_theta: config.rope_theta,
    rope_scaling: rope_scaling ?? null,
    tie_word_embeddings: config.tied_output,
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: 1,
    eos_token_id: 2,
    torch_dtype,
  }
}
