import { initialise } from '@cria/layers'
import { type Device, type DeviceName, listDevices, openDevice } from '@cria/tensor'
import { describe, expect, test } from 'vitest'
import type { Llama, LlamaConfig } from '../src'
import { gqaLlama } from './gqa'

// Whatever the chunks in which tokens come, the logits are those of one pass over all of them.

const names: readonly DeviceName[] = ['cpu', 'webasm', 'simd', 'webgpu', 'headlessgl']
const devices = (await listDevices()).filter(({ name }) => names.includes(name))

const config: LlamaConfig = { dim: 24, n_layers: 2, n_heads: 4, vocab_size: 31, hidden_dim: 40, max_seq_len: 16 }
const kinds = { MHA: config, GQA: { ...config, n_kv_heads: 2 } }

/** Random weights of deviations that make attention choose, rather than average. */
const randomLlama = (device: Device, choices: LlamaConfig, seed: number): Llama => {
  const model = gqaLlama(device, choices)
  initialise(model, device, { seed, deviation: 0.3 })
  return model
}

const TIME = 13
const randomIds = (batch: number) =>
  Array.from({ length: batch }, (_, b) => Array.from({ length: TIME }, (_, t) => (7 * t * t + 11 * b + 5 * t) % 31))

/** [batch][time][vocab] of tokens run `size` at a time. */
const inChunks = async (model: Llama, ids: readonly number[][], size: number): Promise<Float32Array[][]> => {
  using cache = model.createCache({ batch: ids.length })
  const rows: Float32Array[][] = ids.map(() => [])
  for (let at = 0; at < TIME; at += size) {
    using logits = model.forward(
      ids.map(sequence => sequence.slice(at, at + size)),
      cache,
      'all',
    )
    for (const [b, row] of splitRows(await logits.read(), logits.shape).entries()) rows[b].push(...row)
  }
  return rows
}

const splitRows = (data: Float32Array, [batch, time, vocab]: readonly number[]): Float32Array[][] =>
  Array.from({ length: batch }, (_, b) =>
    Array.from({ length: time }, (_, t) => data.subarray((b * time + t) * vocab, (b * time + t + 1) * vocab)),
  )

/** The largest difference, over the largest logit. */
const relativeError = (found: readonly Float32Array[][], expected: readonly Float32Array[][]): number => {
  const flat = (rows: readonly Float32Array[][]) => rows.flat().flatMap(row => [...row])
  const [a, b] = [flat(found), flat(expected)]
  expect(a).toHaveLength(b.length)
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]))) / Math.max(...b.map(Math.abs))
}

describe.each(Object.entries(kinds))('%s', (_, choices) => {
  for (const { name, available } of devices)
    test.skipIf(!available)(`chunks of 1, 3, 7 and all on ${name}`, { timeout: 60_000 }, async () => {
      await using device = await openDevice(name)
      using model = randomLlama(device, choices, 7)
      for (const batch of [1, 3]) {
        const ids = randomIds(batch)
        using whole = model.forward(ids, undefined, 'all')
        const expected = splitRows(await whole.read(), whole.shape)
        for (const size of [1, 3, 7, TIME])
          expect(relativeError(await inChunks(model, ids, size), expected), `${batch} of ${size}`).toBeLessThan(1e-5)
      }
    })
})

test('a batch gives what its sequences give alone', async () => {
  await using device = await openDevice('cpu')
  using model = randomLlama(device, kinds.GQA, 3)
  const ids = randomIds(3)
  using together = model.forward(ids, undefined, 'all')
  const alone = ids.map(sequence => model.forward(sequence, undefined, 'all'))
  const rows = await Promise.all(alone.map(async logits => splitRows(await logits.read(), logits.shape)[0]))
  expect(relativeError(splitRows(await together.read(), together.shape), rows)).toBeLessThan(1e-6)
  for (const logits of alone) logits.dispose()
})

test('the last position is the last of all', async () => {
  await using device = await openDevice('cpu')
  using model = randomLlama(device, kinds.GQA, 4)
  const ids = randomIds(2)
  using all = model.forward(ids, undefined, 'all')
  using last = model.forward(ids)
  expect(last.shape).toEqual([2, 31])
  const ends = splitRows(await all.read(), all.shape).map(rows => rows[TIME - 1])
  expect([...(await last.read())]).toEqual(ends.flatMap(row => [...row]))
})

test('after a rewind other tokens take the place of those forgotten', async () => {
  await using device = await openDevice('cpu')
  using model = randomLlama(device, kinds.GQA, 5)
  using cache = model.createCache()
  const logitsOf = async (ids: readonly number[]) => {
    using logits = model.forward(ids, cache)
    return logits.read()
  }
  await logitsOf([1, 2, 3])
  const first = await logitsOf([4, 5])
  await logitsOf([9, 9, 9])
  cache.rewind(3)
  expect(await logitsOf([4, 5])).toEqual(first)
  cache.rewind(3)
  expect(await logitsOf([5, 4])).not.toEqual(first)
  expect(cache.position).toBe(5)
})

test('a pass leaves nothing behind but its logits', async () => {
  await using device = await openDevice('cpu')
  using model = randomLlama(device, kinds.GQA, 6)
  using cache = model.createCache()
  const before = { ...device.memory }
  model.forward([1, 2, 3], cache).dispose()
  expect(() => model.forward([99], cache)).toThrow('token id 99')
  expect(device.memory).toEqual(before)
})
