import { ConversionError, readArray } from '@cria/checkpoint'
import type { LlamaWeights } from './read'

/** Means of the rows of each group of heads: [heads · C, …] to [groups · C, …]. */
const meanOfHeads = (rows: Float32Array, heads: number, groups: number): Float32Array<ArrayBuffer> => {
  const size = rows.length / heads
  const perGroup = heads / groups
  const pooled = new Float32Array(groups * size)
  for (let group = 0; group < groups; group++) {
    for (let i = 0; i < size; i++) {
      let sum = 0
      for (let head = 0; head < perGroup; head++) sum += rows[(group * perGroup + head) * size + i]
      pooled[group * size + i] = sum / perGroup
    }
  }
  return pooled
}

const isPooled = (path: string) => /\.attention\.w[kv]\.(weight|bias)$/.test(path)

/**
 * The same model with fewer key and value heads: each is the mean of those that it replaces (Ainslie et al., 2023,
 * section 2.1). The f32 weights are averaged in f64 when tensors are read. The model is worse until it has been
 * trained further, for about 5% of its original training.
 * @throws ConversionError unless `kvHeads` divides the model's `n_kv_heads`
 */
export const poolKvHeads = (model: LlamaWeights, kvHeads: number): LlamaWeights => {
  const { config, name: file } = model
  if (!Number.isInteger(kvHeads) || kvHeads < 1 || config.n_kv_heads % kvHeads !== 0) {
    throw new ConversionError(
      { file, field: 'n_kv_heads' },
      `is ${config.n_kv_heads}, which cannot be pooled to ${kvHeads}; give a whole divisor of it`,
    )
  }
  const rows = kvHeads * config.head_dim
  const tensors = new Map(
    [...model.tensors].map(([path, info]) => {
      const pooled = { ...info, shape: [rows, ...info.shape.slice(1)], dtype: 'f32' as const }
      return [path, isPooled(path) ? pooled : info] as const
    }),
  )
  return {
    ...model,
    config: { ...config, n_kv_heads: kvHeads },
    tensors,
    async read(path, options = {}) {
      const shape = tensors.get(path)?.shape
      if (!isPooled(path) || !shape) return model.read(path, options)
      const { data } = await model.read(path, { ...options, dtype: 'f32' })
      const pooled = meanOfHeads(data as Float32Array, config.n_kv_heads, kvHeads)
      return readArray(pooled, path, shape, file, { dtype: options.dtype, signal: options.signal })
    },
  }
}
