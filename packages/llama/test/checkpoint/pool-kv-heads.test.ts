import { expect, test } from 'vitest'
import { llamaWeights, memoryLlama, poolKvHeads } from '../../src/checkpoint'
import { resolveConfig } from '../../src/config'

const config = resolveConfig({
  dim: 8,
  n_layers: 1,
  n_heads: 4,
  n_kv_heads: 4,
  vocab_size: 5,
  hidden_dim: 12,
  norm_eps: 1e-5,
  max_seq_len: 16,
  rope_theta: 10000,
  tied_output: true,
})

const arrays = new Map(
  [...llamaWeights(config)].map(({ path, shape }) => {
    const length = shape.reduce((a, b) => a * b)
    return [path, Float32Array.from({ length }, (_, i) => Math.sin(i + path.length))] as const
  }),
)
const checkpoint = memoryLlama(config, arrays)

test.each([1, 2, 4])('four key and value heads become %i, each the mean of its group', async kvHeads => {
  const pooled = poolKvHeads(checkpoint, kvHeads)
  expect(pooled.config).toEqual({ ...config, n_kv_heads: kvHeads })
  const head = 2 * 8
  for (const name of ['layers.0.attention.wk.weight', 'layers.0.attention.wv.weight']) {
    const original = arrays.get(name) as Float32Array
    const { data, shape } = await pooled.read(name)
    expect(shape).toEqual([kvHeads * 2, 8])
    expect(pooled.tensors.get(name)?.shape).toEqual(shape)
    const perGroup = 4 / kvHeads
    data.forEach((value, i) => {
      const [group, at] = [Math.floor(i / head), i % head]
      let sum = 0
      for (let h = 0; h < perGroup; h++) sum += original[(group * perGroup + h) * head + at]
      expect(value).toBe(Math.fround(sum / perGroup))
    })
  }
  const wq = 'layers.0.attention.wq.weight'
  expect((await pooled.read(wq)).data).toEqual(arrays.get(wq))
})

test('a number of heads that does not divide is refused', () => {
  for (const kvHeads of [0, 3, 8, 1.5]) expect(() => poolKvHeads(checkpoint, kvHeads)).toThrow(/n_kv_heads: is 4/)
})
