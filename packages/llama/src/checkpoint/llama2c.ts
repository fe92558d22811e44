import type { Llama2cMetadata } from '@cria/checkpoint'
import type { LlamaConfig } from '../config'

/** llama2.c files do not say these: `run.c` has them in its code. */
export const llama2cConstants = { norm_eps: 1e-5, rope_theta: 10000 } as const

/** The config in the header of a llama2.c file. */
export const readLlama2cConfig = ({ header }: Llama2cMetadata): LlamaConfig => ({
  dim: header.dim,
  n_layers: header.n_layers,
  n_heads: header.n_heads,
  n_kv_heads: header.n_kv_heads,
  vocab_size: header.vocab_size,
  hidden_dim: header.hidden_dim,
  max_seq_len: header.seq_len,
  tied_output: header.shared_classifier,
  ...llama2cConstants,
})
