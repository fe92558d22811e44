import type { VariantSizes } from './variant-model'

/** Sizes of the models of the experiments: about a million parameters. */
export const baseSizes = {
  dim: 128,
  n_layers: 5,
  n_heads: 8,
  n_kv_heads: 8,
  hidden_dim: 336,
  max_seq_len: 256,
} as const

/**
 * Fewer key and value heads at the same number of parameters: the feed-forward gets the parameters that the heads no longer need (LLaMA 2,
 * section A.2.1). A head has 2·C·dim weights of keys and values, a unit of SwiGLU 3·dim.
 */
export const withKvHeads = (sizes: VariantSizes, n_kv_heads: number): VariantSizes => {
  const freed = 2 * (sizes.n_kv_heads - n_kv_heads) * (sizes.dim / sizes.n_heads)
  return { ...sizes, n_kv_heads, hidden_dim: sizes.hidden_dim + Math.round(freed / 3) }
}

/** The width of a plain feed-forward (two matrices) with the parameters of SwiGLU (three). */
export const plainWidth = ({ hidden_dim }: VariantSizes): number => Math.round((3 * hidden_dim) / 2)
