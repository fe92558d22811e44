import { ConfigError, type RopeScaling, swiGluWidth } from '@cria/layers'

/** The sizes and settings of a LLaMA, under the names of Meta's `params.json`. Defaults are LLaMA's (Touvron et al. 2023). */
export interface LlamaConfig {
  /** Width of the residual stream. */
  readonly dim: number
  readonly n_layers: number
  readonly n_heads: number
  /** Key and value heads; `n_heads` by default. */
  readonly n_kv_heads?: number | undefined
  /** Width of a head; `dim / n_heads` by default. */
  readonly head_dim?: number | undefined
  readonly vocab_size: number
  /** The feed-forward's width is rounded up to a multiple of this; 256. */
  readonly multiple_of?: number
  /** Scales the feed-forward's width before it is rounded; 1. */
  readonly ffn_dim_multiplier?: number | undefined
  /** The feed-forward's width itself, in place of the two above. */
  readonly hidden_dim?: number
  /** Added to the mean square in every norm; 1e-6. */
  readonly norm_eps?: number
  /** The context, in tokens; 2048. */
  readonly max_seq_len?: number
  /** Base of the rotary angles; 10000. */
  readonly rope_theta?: number
  readonly rope_scaling?: RopeScaling | undefined
  /** Whether the projections of attention (q, k, v and output) add a bias; false. */
  readonly attention_bias?: boolean
  /** Whether the projections of the feed-forward add a bias; false. */
  readonly mlp_bias?: boolean
  /** Whether the output projection is the token embedding; false. */
  readonly tied_output?: boolean
}

/** The config with every default filled in. */
export interface ResolvedConfig
  extends Required<Omit<LlamaConfig, 'multiple_of' | 'ffn_dim_multiplier' | 'n_kv_heads' | 'head_dim'>> {
  readonly n_kv_heads: number
  readonly head_dim: number
}

const counts = [
  'dim',
  'n_layers',
  'n_heads',
  'n_kv_heads',
  'head_dim',
  'vocab_size',
  'hidden_dim',
  'max_seq_len',
] as const

/** No model is larger. The limits bound every loop and product over the config of a hostile file. */
const maxLayers = 1000
const maxSize = 2 ** 31 - 1

/** Fills in the defaults, without a check. */
const fillConfig = (config: LlamaConfig): ResolvedConfig => {
  const { dim, n_heads, multiple_of = 256, ffn_dim_multiplier } = config
  return {
    dim,
    n_layers: config.n_layers,
    n_heads,
    n_kv_heads: config.n_kv_heads ?? n_heads,
    head_dim: config.head_dim ?? dim / n_heads,
    vocab_size: config.vocab_size,
    hidden_dim: config.hidden_dim ?? swiGluWidth(dim, multiple_of, ffn_dim_multiplier),
    norm_eps: config.norm_eps ?? 1e-6,
    max_seq_len: config.max_seq_len ?? 2048,
    rope_theta: config.rope_theta ?? 10000,
    rope_scaling: config.rope_scaling,
    attention_bias: config.attention_bias ?? false,
    mlp_bias: config.mlp_bias ?? false,
    tied_output: config.tied_output ?? false,
  }
}

/** A field of a config that no model can have, and what is wrong with it. */
interface ConfigProblem {
  readonly field: string
  readonly problem: string
}

const findProblem = (config: ResolvedConfig): ConfigProblem | undefined => {
  const { dim, n_heads, n_kv_heads, head_dim, norm_eps, rope_theta, rope_scaling } = config
  // A size of a head that is left out comes from the heads.
  if (Number.isSafeInteger(dim) && Number.isSafeInteger(n_heads) && n_heads > 0 && head_dim === dim / n_heads) {
    if (dim % n_heads !== 0) return { field: 'n_heads', problem: `is ${n_heads}, which does not divide dim ${dim}` }
    if (head_dim % 2 !== 0) {
      return { field: 'n_heads', problem: `gives heads of ${head_dim}; rotary pairs need an even size` }
    }
  }
  for (const field of counts) {
    const limit = field === 'n_layers' ? maxLayers : maxSize
    if (Number.isInteger(config[field]) && config[field] >= 1 && config[field] <= limit) continue
    return { field, problem: `is ${config[field]}, expected a whole number from 1 to ${limit}` }
  }
  if (head_dim % 2 !== 0) return { field: 'head_dim', problem: `is ${head_dim}; rotary pairs need an even size` }
  if (n_heads % n_kv_heads !== 0) {
    return { field: 'n_kv_heads', problem: `is ${n_kv_heads}, which does not divide n_heads ${n_heads}` }
  }
  if (!(norm_eps >= 0 && norm_eps < 1)) {
    return { field: 'norm_eps', problem: `is ${norm_eps}, expected a number from 0 to below 1` }
  }
  if (!(rope_theta >= 1 && rope_theta < Infinity)) {
    return { field: 'rope_theta', problem: `is ${rope_theta}, expected 1 or more` }
  }
  for (const [name, value] of Object.entries(rope_scaling ?? {})) {
    if (name === 'type' || (typeof value === 'number' && value > 0 && value < Infinity)) continue
    return { field: `rope_scaling.${name}`, problem: `is ${value}, expected a positive number` }
  }
  if (rope_scaling?.type === 'llama3' && rope_scaling.high_freq_factor <= rope_scaling.low_freq_factor) {
    const { low_freq_factor, high_freq_factor } = rope_scaling
    const problem = `is ${high_freq_factor}, expected more than low_freq_factor ${low_freq_factor}`
    return { field: 'rope_scaling.high_freq_factor', problem }
  }
  for (const rows of [config.vocab_size, config.hidden_dim, n_heads * head_dim]) {
    if (Number.isSafeInteger(rows * dim)) continue
    return { field: 'dim', problem: `gives a tensor of ${rows} x ${dim}, beyond 2^53 elements` }
  }
  return undefined
}

/**
 * Fills in the defaults of a config and checks it.
 * @param refuse throws the error for a field that no model can have; by default a `ConfigError`
 * @throws ConfigError for counts that are not whole and positive, heads that do not divide, odd heads, scalars out of range
 */
export const resolveConfig = (
  config: LlamaConfig,
  refuse: (field: string, problem: string) => never = refuseConfig,
): ResolvedConfig => {
  const resolved = fillConfig(config)
  const found = findProblem(resolved)
  return found ? refuse(found.field, found.problem) : resolved
}

const refuseConfig = (field: string, problem: string): never => {
  throw new ConfigError(`${field} ${problem}`)
}

const common = { vocab_size: 32000, max_seq_len: 2048 } as const

/** The sizes that were published (LLaMA, table 2; the feed-forward as released). */
export const llamaSizes = {
  'llama-7b': { ...common, dim: 4096, n_layers: 32, n_heads: 32, norm_eps: 1e-6 },
  'llama-13b': { ...common, dim: 5120, n_layers: 40, n_heads: 40, norm_eps: 1e-6 },
  'llama-33b': { ...common, dim: 6656, n_layers: 60, n_heads: 52, norm_eps: 1e-6 },
  'llama-65b': { ...common, dim: 8192, n_layers: 80, n_heads: 64, norm_eps: 1e-5 },
} as const satisfies Record<string, LlamaConfig>
