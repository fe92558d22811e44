import type { ModelConfig, RopeScaling } from '../config'
import { MalformedFileError, type Place, UnsupportedModelError } from '../errors'
import { fieldsOf, isObject, type JsonObject } from './json'

/** YaRN's attention temperature, 0.1 ln(s) + 1 (Peng et al., 2023, equation 22). */
export const yarnAttentionFactor = (factor: number): number => (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1)

const readRopeScaling = (value: JsonObject, trained: number, place: Place): RopeScaling | undefined => {
  const fields = fieldsOf(value, place, 'rope_scaling.')
  const type = fields.string('rope_type', fields.string('type', 'default'))
  if (type === 'default') return undefined
  if (type === 'linear') return { type, factor: fields.number('factor') }
  // Of dynamic scaling transformers knows no other length than the model's.
  if (type === 'dynamic') return { type, factor: fields.number('factor'), original_max_seq_len: trained }
  if (type === 'yarn') {
    for (const field of ['mscale', 'mscale_all_dim']) {
      if (value[field] === undefined || value[field] === null) continue
      throw new UnsupportedModelError({ ...place, field: `rope_scaling.${field}` }, 'is not supported')
    }
    if (value.truncate === false) {
      throw new UnsupportedModelError({ ...place, field: 'rope_scaling.truncate' }, 'is false, which is not supported')
    }
    const factor = fields.number('factor')
    return {
      type,
      factor,
      original_max_seq_len: fields.number('original_max_position_embeddings', trained),
      beta_fast: fields.number('beta_fast', 32),
      beta_slow: fields.number('beta_slow', 1),
      attention_factor: fields.number('attention_factor', yarnAttentionFactor(factor)),
    }
  }
  throw new UnsupportedModelError(
    { ...place, field: 'rope_scaling.type' },
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
  // transformers 5 moved theta and scaling into `rope_parameters`.
  const rope = isObject(json.rope_parameters) ? json.rope_parameters : undefined
  const scalingFields = rope ?? (isObject(json.rope_scaling) ? json.rope_scaling : undefined)
  const rope_scaling = scalingFields && readRopeScaling(scalingFields, trained, place)
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
    rope_theta: (rope ? fieldsOf(rope, place, 'rope_parameters.') : fields).number('rope_theta', 10000),
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
