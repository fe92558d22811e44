import { initialise } from '@cria/layers'
import { openDevice, Profiler } from '@cria/tensor'
import { expect, test } from 'vitest'
import { gqaLlama } from './gqa'

test.each([2, 8, 32])('%i sequences decoded in one pass read each weight once', async count => {
  await using device = await openDevice('simd')
  using model = gqaLlama(device, { dim: 32, n_layers: 2, n_heads: 4, n_kv_heads: 2, vocab_size: 64, hidden_dim: 64 })
  initialise(model, device)
  const ops = ['projectHeads', 'linearAdd', 'normGatedLinear', 'normLinear']
  const productsOf = (sequences: number) => {
    using cache = model.createCache()
    const additions = Array.from({ length: sequences }, () => ({
      sequence: cache.sequence({ capacity: 8 }),
      ids: [1],
    }))
    const profiler = new Profiler()
    using _observing = device.observe(profiler)
    model.run(model.extend(additions)).dispose()
    const rows = ops.map(name => profiler.rows.find(({ op }) => op === name) as (typeof profiler.rows)[number])
    const sum = (of: 'flops' | 'bytes') => rows.reduce((total, row) => total + row[of], 0)
    return { calls: rows.map(({ calls }) => calls), flops: sum('flops'), bytes: sum('bytes') }
  }
  const [one, many] = [productsOf(1), productsOf(count)]
  // In each of two layers: three matrices, two, and two with a residual each; then the output.
  expect([one.calls, many.calls]).toEqual([
    [2, 4, 2, 1],
    [2, 4, 2, 1],
  ])
  expect(many.flops).toBe(count * one.flops)
  // What is read more are inputs and outputs: the weights are the larger part of the bytes of one sequence.
  const weights = 4 * (2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64) + 64 * 32)
  expect(one.bytes - weights).toBeGreaterThan(0)
  expect(many.bytes - weights).toBe(count * (one.bytes - weights))
})
