import { ConfigError, type RopeScaling, swiGluWidth } from '@cria/layers'
import { findProblem } from './config-rules'

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
