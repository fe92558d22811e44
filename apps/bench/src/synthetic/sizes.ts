import { swiGluWidth } from '@cria/layers'
import { type ResolvedConfig, resolveConfig } from '@cria/llama'

const config = (
  dim: number,
  n_layers: number,
  n_heads: number,
  others: Partial<Pick<ResolvedConfig, 'n_kv_heads' | 'hidden_dim' | 'tied_output'>> = {},
): ResolvedConfig =>
  resolveConfig({
    dim,
    n_layers,
    n_heads,
    hidden_dim: swiGluWidth(dim, 32),
    vocab_size: 32_000,
    norm_eps: 1e-5,
    max_seq_len: 8192,
    tied_output: true,
    ...others,
  })

/**
 * Sizes of well-known models: llama2.c's stories15M, 42M and 110M, TinyLlama 1.1B, LLaMA 2 7B; and a small one, for slow machines.
 * The weights are random.
 */
export const syntheticSizes = {
  '10m': config(256, 2, 4, { n_kv_heads: 2, hidden_dim: 512 }),
  '15m': config(288, 6, 6),
  '42m': config(512, 8, 8),
  '110m': config(768, 12, 12),
  '1b': config(2048, 22, 32, { n_kv_heads: 4, hidden_dim: 5632, tied_output: false }),
  '7b': config(4096, 32, 32, { hidden_dim: 11_008, tied_output: false }),
} as const satisfies Record<string, ResolvedConfig>

export type SyntheticSize = keyof typeof syntheticSizes
