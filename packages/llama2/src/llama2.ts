import { groupedQueryAttention } from '@cria/attention-variants'
import { Llama, type LlamaConfig, type LlamaOptions } from '@cria/llama'
import type { Device } from '@cria/tensor'

/** LLaMA 2 (Touvron et al. 2023b): LLaMA with grouped-query attention and a context of 4096. */
export const llama2 = (device: Device, config: LlamaConfig, options: Pick<LlamaOptions, 'window'> = {}): Llama => {
  const { norm_eps = 1e-5, max_seq_len = 4096 } = config
  return new Llama(
    device,
    { ...config, norm_eps, max_seq_len },
    { ...options, attention: (of, { n_kv_heads }) => groupedQueryAttention({ ...of, kvHeads: n_kv_heads }) },
  )
}

/** The sizes that were published (LLaMA 2, table 1). */
export const llama2Sizes = {
  'llama2-7b': { dim: 4096, n_layers: 32, n_heads: 32, vocab_size: 32000 },
  'llama2-13b': { dim: 5120, n_layers: 40, n_heads: 40, vocab_size: 32000 },
  'llama2-70b': {
    dim: 8192,
    n_layers: 80,
    n_heads: 64,
    n_kv_heads: 8,
    vocab_size: 32000,
    multiple_of: 4096,
    ffn_dim_multiplier: 1.3,
  },
} as const satisfies Record<string, LlamaConfig>
