import { groupedQueryAttention } from '@cria/attention-variants'
import type { Device } from '@cria/tensor'
import { Llama, type LlamaConfig } from '../src'

/** LLaMA with as many kv heads as the config says. */
export const gqaLlama = (device: Device, config: LlamaConfig): Llama =>
  new Llama(device, config, (options, { n_kv_heads }) => groupedQueryAttention({ ...options, kvHeads: n_kv_heads }))
