import { groupedQueryAttention } from '@cria/attention-variants'
import { initialise } from '@cria/layers'
import { openDevice } from '@cria/tensor'
import { afterAll, describe, expect, test } from 'vitest'
import { Llama } from '../src'

// One pass holds tokens of any sequences: it gives each the logits that it has alone.

const config = { dim: 48, n_layers: 3, n_heads: 6, n_kv_heads: 2, vocab_size: 97, multiple_of: 16, max_seq_len: 1024 }
const attention = {
  attention: (of: never, { n_kv_heads }: { n_kv_heads: number }) =>
    groupedQueryAttention({ ...(of as object), kvHeads: n_kv_heads } as never),
}
const prompt = (length: number, seed: number) => Array.from({ length }, (_, i) => (i * 7 + seed * 31 + i * i) % 97)
const lengths = [1, 7, 200, 513]

const relative = (found: ArrayLike<number>, expected: ArrayLike<number>) => {
  let worst = 0
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Math.abs(found[i] - expected[i]))
    largest = Math.max(largest, Math.abs(expected[i]))
  }
  return found.length === expected.length ? worst / largest : Number.POSITIVE_INFINITY
}

for (const name of ['cpu', 'simd'] as const)
  describe(`on ${name}`, async () => {
    const device = await openDevice(name)
    const model = new Llama(device, config, attention)
    initialise(model, device, { seed: 3, deviation: 0.1 })
    afterAll(async () => {
      model.dispose()
      await device.close()
    })

    test('prompts of different lengths in one pass are as each alone', { timeout: 120_000 }, async () => {
      using cache = model.createCache()
      const sequences = lengths.map(() => cache.sequence({ capacity: 600 }))
      using together = model.run(
        model.extend(lengths.map((length, i) => ({ sequence: sequences[i], ids: prompt(length, i) }))),
      )
      const rows = await together.read()
      for (const [i, length] of lengths.entries()) {
        using alone = model.createCache()
        using logits = model.forward(prompt(length, i), alone.sequence({ capacity: 600 }))
        const row = rows.subarray(i * 97, (i + 1) * 97)
        const expected = await logits.read()
        expect(relative(row, expected)).toBeLessThan(1e-5)
        expect([...row]).toEqual([...expected]) // bit for bit
      }
    })
  })
