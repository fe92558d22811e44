import { swiGluWidth } from '@cria/layers'
import type { VariantSizes } from '@cria/training/experiments'
import { fixedIds } from '../inference/stream'

const size = (dim: number, n_layers: number, n_heads: number, n_kv_heads: number): VariantSizes => ({
  ...{ dim, n_layers, n_heads, n_kv_heads },
  hidden_dim: swiGluWidth(dim, 32),
  vocab_size: 2048,
  max_seq_len: 256,
})

/** Models by the number of their parameters. */
export const trainingSizes = {
  '1.2M': size(128, 5, 4, 2),
  '5M': size(256, 6, 4, 2),
  '13.8M': size(384, 8, 6, 3),
} as const

export type TrainingSizeName = keyof typeof trainingSizes

/** Rows of random ids, each with the token that follows it. */
export const trainingRows = ({ vocab_size, max_seq_len }: VariantSizes, rows: number): number[][] => {
  const ids = fixedIds(rows * (max_seq_len + 1), vocab_size)
  return Array.from({ length: rows }, (_, i) => ids.slice(i * (max_seq_len + 1), (i + 1) * (max_seq_len + 1)))
}
