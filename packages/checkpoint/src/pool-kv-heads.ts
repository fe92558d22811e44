import type { Checkpoint, ReadTensorOptions, TensorData } from './checkpoint'
import { headDim, type ModelConfig } from './config'
import { ConversionError } from './errors'
import { memorySource } from './sources/memory'
import { readStored } from './stored-tensor'

/** Means of the rows of each group of heads: [heads · C, D] to [groups · C, D]. */
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

const isPooled = (name: string) => /\.attention\.w[kv]\.weight$/.test(name)

/**
 * The same model with fewer key and value heads: each is the mean of those that it replaces (Ainslie et al., 2023,
 * section 2.1). Means are taken in f64 of the f32 weights, as tensors are read. The model is worse until it has been
 * trained for some 5% of its training more.
 *
 * Throws a `ConversionError` unless `kvHeads` divides the model's `n_kv_heads`.
 */
export const poolKvHeads = (checkpoint: Checkpoint, kvHeads: number): Checkpoint => {
  const { config, name: file } = checkpoint
  if (!Number.isInteger(kvHeads) || kvHeads < 1 || config.n_kv_heads % kvHeads !== 0) {
    throw new ConversionError(
      { file, field: 'n_kv_heads' },
      `is ${config.n_kv_heads}, which cannot be pooled to ${kvHeads}; give a whole divisor of it`,
    )
  }
  const pooled: ModelConfig = { ...config, n_kv_heads: kvHeads }
  const shape = [kvHeads * headDim(config), config.dim]
  const read = async (name: string, options: ReadTensorOptions = {}): Promise<TensorData> => {
    if (!isPooled(name)) return checkpoint.read(name, options)
    const { data } = await checkpoint.read(name, { ...options, dtype: 'f32' })
    const rows = meanOfHeads(data as Float32Array, config.n_kv_heads, kvHeads)
    const source = memorySource(new Uint8Array(rows.buffer), file)
    const stored = { name, shape, dtype: 'f32', parts: [{ source, offset: 0, shape }] } as const
    return readStored(stored, { dtype: options.dtype, signal: options.signal })
  }
  const tensors = new Map(
    [...checkpoint.tensors].map(
      ([name, info]) => [name, isPooled(name) ? { ...info, shape, dtype: 'f32' as const } : info] as const,
    ),
  )
  return { ...checkpoint, config: pooled, tensors, read }
}
