import { elementCount } from './dtypes'
import { type CheckpointError, type Place, UnsupportedModelError } from './errors'

/**
 * How rotary angles are stretched past the context that the model was trained on.
 * - `linear`: positions divided by `factor` (Chen et al., 2023, position interpolation).
 * - `dynamic`: NTK-aware base that grows once a sequence is longer than `original_max_seq_len`.
 * - `yarn`: NTK by parts with an attention temperature (Peng et al., 2023).
 */
export type RopeScaling =
  | { readonly type: 'linear'; readonly factor: number }
  | { readonly type: 'dynamic'; readonly factor: number; readonly original_max_seq_len: number }
  | {
      readonly type: 'yarn'
      readonly factor: number
      readonly original_max_seq_len: number
      /** Rotations within the original context above which a dimension is left alone. */
      readonly beta_fast: number
      /** Rotations below which a dimension is interpolated fully. */
      readonly beta_slow: number
      /** What the rotated q and k are multiplied with: 0.1 ln(factor) + 1 unless the checkpoint says otherwise. */
      readonly attention_factor: number
    }

/** What a LLaMA is made of, under the names of Meta's `params.json`, the same for every file format. */
export interface ModelConfig {
  /** Width of the residual stream. */
  readonly dim: number
  readonly n_layers: number
  readonly n_heads: number
  /** Key and value heads: `n_heads` (MHA), 1 (MQA), or a divisor between (GQA). */
  readonly n_kv_heads: number
  readonly vocab_size: number
  /** Width of the feed-forward, after `multiple_of` and `ffn_dim_multiplier` have been applied. */
  readonly hidden_dim: number
  /** Epsilon of every RMSNorm. */
  readonly norm_eps: number
  /** The longest sequence, in tokens. */
  readonly max_seq_len: number
  readonly rope_theta: number
  readonly rope_scaling?: RopeScaling
  /** Whether the output projection is the token embedding, and no `output.weight` exists. */
  readonly tied_output: boolean
}

const counts = ['dim', 'n_layers', 'n_heads', 'n_kv_heads', 'vocab_size', 'hidden_dim', 'max_seq_len'] as const

/** Far above any LLaMA, and low enough that no loop over a hostile header is long. */
const largest = { n_layers: 1000, other: 2 ** 31 - 1 }

/**
 * Throws a `Problem` that names the field unless the config describes a LLaMA: whole positive counts,
 * heads that divide, an even head size (rotary pairs), positive finite scalars.
 */
export const checkConfig = (
  config: ModelConfig,
  place: Place,
  Problem: new (place: Place, problem: string) => CheckpointError = UnsupportedModelError,
): ModelConfig => {
  const refuse = (field: string, problem: string): never => {
    throw new Problem({ ...place, field }, problem)
  }
  for (const field of counts) {
    const limit = field === 'n_layers' ? largest.n_layers : largest.other
    if (!Number.isInteger(config[field]) || config[field] < 1 || config[field] > limit) {
      refuse(field, `is ${config[field]}, expected a whole number from 1 to ${limit}`)
    }
  }
  const { dim, n_heads, n_kv_heads, norm_eps, rope_theta, rope_scaling } = config
  if (dim % n_heads !== 0) refuse('n_heads', `is ${n_heads}, which does not divide dim ${dim}`)
  if ((dim / n_heads) % 2 !== 0) refuse('n_heads', `gives heads of ${dim / n_heads}; rotary pairs need an even size`)
  if (n_heads % n_kv_heads !== 0) refuse('n_kv_heads', `is ${n_kv_heads}, which does not divide n_heads ${n_heads}`)
  if (!(norm_eps >= 0 && norm_eps < 1)) refuse('norm_eps', `is ${norm_eps}, expected a number from 0 to below 1`)
  if (!(rope_theta >= 1 && rope_theta < Infinity)) refuse('rope_theta', `is ${rope_theta}, expected 1 or more`)
  for (const [name, value] of Object.entries(rope_scaling ?? {})) {
    if (name === 'type') continue
    if (!(typeof value === 'number' && value > 0 && value < Infinity)) {
      refuse(`rope_scaling.${name}`, `is ${value}, expected a positive number`)
    }
  }
  for (const shape of [
    [config.vocab_size, dim],
    [config.hidden_dim, dim],
    [dim, dim],
  ]) {
    if (elementCount(shape) === undefined) refuse('dim', `gives a tensor of ${shape.join(' x ')}, beyond 2^53 elements`)
  }
  return config
}

/** Size of one head. */
export const headDim = ({ dim, n_heads }: Pick<ModelConfig, 'dim' | 'n_heads'>): number => dim / n_heads

/**
 * Width of the feed-forward from `params.json`: two thirds of 4·dim, times `ffn_dim_multiplier` if given, rounded up to
 * `multiple_of` (LLaMA, section 2.2, and the released configs).
 */
export const feedForwardDim = (dim: number, multiple_of: number, ffn_dim_multiplier?: number): number => {
  const hidden = Math.trunc((2 * 4 * dim) / 3)
  const scaled = ffn_dim_multiplier === undefined ? hidden : Math.trunc(ffn_dim_multiplier * hidden)
  return multiple_of * Math.ceil(scaled / multiple_of)
}
