import { initialise } from '@cria/layers'
import { openDevice, Profiler } from '@cria/tensor'
import { expect, test } from 'vitest'
import { gqaLlama } from './gqa'

test.each([2, 8, 32])('%i sequences decoded in one pass read each weight once', async count => {
  await using device = await openDevice('simd')
  using model = gqaLlama(device, { dim: 32, n_layers: 2, n_heads: 4, n_kv_heads: 2, vocab_size: 64, hidden_dim: 64 })
  initialise(model, device)
  const linearOf = (sequences: number) => {
    using cache = model.createCache()
    const additions = Array.from({ length: sequences }, () => ({
      sequence: cache.sequence({ capacity: 8 }),
      ids: [1],
    }))
    const profiler = new Profiler()
    using _observing = device.observe(profiler)
    model.run(model.extend(additions)).dispose()
    return profiler.rows.find(({ op }) => op === 'linear') as (typeof profiler.rows)[number]
  }
  const [one, many] = [linearOf(1), linearOf(count)]
  // Seven matrices a layer, and the output.
  expect([one.calls, many.calls]).toEqual([15, 15])
  expect(many.flops).toBe(count * one.flops)
  // What is read more are inputs and outputs: the weights are the larger part of the bytes of one sequence.
  const weights = 4 * (2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64) + 64 * 32)
  expect(one.bytes - weights).toBeGreaterThan(0)
  expect(many.bytes - weights).toBe(count * (one.bytes - weights))
})
