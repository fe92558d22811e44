import { groupedQueryAttention } from '@cria/attention-variants'
import type { Device } from '@cria/tensor'
import { Llama, type LlamaConfig } from '../src'

/** LLaMA with as many kv heads as the config says. */
export const gqaLlama = (device: Device, config: LlamaConfig, window?: number): Llama =>
  new Llama(device, config, {
    attention: (options, { n_kv_heads }) => groupedQueryAttention({ ...options, kvHeads: n_kv_heads }),
    window,
  })
