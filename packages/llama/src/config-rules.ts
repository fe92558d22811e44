import type { ResolvedConfig } from './config'

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

/** A field of a config that no model can have, and what is wrong with it. */
export interface ConfigProblem {
  readonly field: string
  readonly problem: string
}

/** The first field that no model can have, if there is one. */
export const findProblem = (config: ResolvedConfig): ConfigProblem | undefined => {
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
