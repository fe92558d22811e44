import { initialise } from '@cria/layers'
import { argMax, type Device, type DeviceName, listDevices, openDevice, type Tensor } from '@cria/tensor'
import { testedDevices } from '@cria/vitest/devices'
import { describe, expect, test } from 'vitest'
import type { Llama, LlamaConfig } from '../src'
import { gqaLlama } from './gqa'

// However tokens are cut into passes, and whatever else runs in a pass, the logits are those of one pass over a sequence alone.
// On cpu and simd they are the same bits.

const names: readonly DeviceName[] = ['cpu', 'webasm', 'simd', 'webgpu', 'headlessgl']
const devices = testedDevices(await listDevices()).filter(({ name }) => names.includes(name))
const exact: readonly DeviceName[] = ['cpu', 'simd']

const config: LlamaConfig = { dim: 24, n_layers: 2, n_heads: 4, vocab_size: 31, hidden_dim: 40, max_seq_len: 1024 }
const kinds = { MHA: config, GQA: { ...config, n_kv_heads: 2 } }

/** Random weights of deviations that make attention choose, rather than average. */
const randomLlama = (device: Device, choices: LlamaConfig, seed: number, window?: number): Llama => {
  const model = gqaLlama(device, choices, window)
  initialise(model, device, { seed, deviation: 0.3 })
  return model
}

const idsOf = (length: number, seed = 0) => Array.from({ length }, (_, t) => (7 * t * t + 11 * seed + 5 * t) % 31)

const read = async (tensor: Tensor): Promise<number[]> => {
  using logits = tensor
  return [...(await logits.read())]
}

/** Logits of all tokens, which run `size` at a time. */
const inParts = async (model: Llama, ids: readonly number[], size: number): Promise<number[]> => {
  using cache = model.createCache({ dtype: 'f32' })
  using sequence = cache.sequence({ capacity: ids.length })
  const rows: number[] = []
  for (let at = 0; at < ids.length; at += size)
    rows.push(...(await read(model.forward(ids.slice(at, at + size), sequence, { logits: 'all' }))))
  return rows
}

/** The largest difference, over the largest logit. */
const relativeError = (found: readonly number[], expected: readonly number[]): number => {
  expect(found).toHaveLength(expected.length)
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return found.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i])), 0) / largest
}

const expectSame = (device: Device, found: readonly number[], expected: readonly number[], what: string) => {
  expect(relativeError(found, expected), what).toBeLessThan(1e-5)
  // With f32 keys and values, nothing is rounded on the way.
  if (exact.includes(device.name)) expect(found, what).toEqual(expected)
}

describe.each(Object.entries(kinds))('%s', (_, choices) => {
  for (const { name, available } of devices)
    test.skipIf(!available)(`parts of 1, 3, 7 and all on ${name}`, { timeout: 300_000 }, async () => {
      await using device = await openDevice(name)
      using model = randomLlama(device, choices, 7)
      const ids = idsOf(13)
      using cache = model.createCache({ dtype: 'f32' })
      const expected = await read(model.forward(ids, cache.sequence({ capacity: 13 }), { logits: 'all' }))
      expect(relativeError(await read(model.forward(ids, undefined, { logits: 'all' })), expected)).toBeLessThan(1e-5)
      for (const size of [1, 3, 7, 13]) {
        using parts = model.createCache({ dtype: 'f32' })
        using sequence = parts.sequence({ capacity: 13 })
        const rows: number[] = []
        for (let at = 0; at < ids.length; at += size)
          rows.push(...(await read(model.forward(ids.slice(at, at + size), sequence, { logits: 'all' }))))
        expectSame(device, rows, expected, `parts of ${size}`)
      }
    })
})

for (const { name, available } of devices.filter(({ name }) => ['cpu', 'simd', 'webgpu'].includes(name)))
  describe.skipIf(!available)(`ragged passes on ${name}`, () => {
    test('four prompts in one pass, decoded together while others join and leave', { timeout: 300_000 }, async () => {
      await using device = await openDevice(name)
      using model = randomLlama(device, kinds.GQA, 3)
      const prompts = [1, 7, 200, 513].map((length, i) => idsOf(length, i))
      const steps = 5
      const alone = async (prompt: readonly number[], seed: number) => {
        using cache = model.createCache({ dtype: 'f32' })
        using sequence = cache.sequence({ capacity: prompt.length + steps })
        const rows = [await read(model.forward(prompt, sequence))]
        for (let step = 0; step < steps; step++)
          rows.push(await read(model.forward([(step * 5 + seed) % 31], sequence)))
        return rows
      }
      const expected: number[][][] = []
      for (const [i, prompt] of prompts.entries()) expected.push(await alone(prompt, i))

      using cache = model.createCache({ dtype: 'f32' })
      const sequences = prompts.map(prompt => cache.sequence({ capacity: prompt.length + steps }))
      const split = (flat: readonly number[]) =>
        Array.from({ length: flat.length / 31 }, (_, row) => flat.slice(row * 31, (row + 1) * 31))
      const first = split(
        await read(model.run(model.extend(prompts.map((ids, i) => ({ sequence: sequences[i], ids }))))),
      )
      for (const [i, row] of first.entries()) expectSame(device, row, expected[i][0], `prompt ${i}`)
      for (let step = 0; step < steps; step++) {
        // Sequence 1 ends after two steps; a new one joins at step 2 with its own prompt.
        const going = [0, 1, 2, 3].filter(i => i !== 1 || step < 2)
        const additions = going.map(i => ({ sequence: sequences[i], ids: [(step * 5 + i) % 31] }))
        using joining = step === 2 ? cache.sequence({ capacity: 9 }) : undefined
        if (joining) additions.push({ sequence: joining, ids: idsOf(7, 1) })
        const rows = split(await read(model.run(model.extend(additions))))
        for (const [at, i] of going.entries())
          expectSame(device, rows[at], expected[i][step + 1], `step ${step} of ${i}`)
        if (joining) expectSame(device, rows.at(-1) as number[], expected[1][0], 'the one that joined')
        if (step === 2) sequences[1].dispose()
      }
    })

    test('ids that the device has found give the logits of the same ids from the host', async () => {
      await using device = await openDevice(name)
      using model = randomLlama(device, kinds.GQA, 3)
      using cache = model.createCache({ dtype: 'f32' })
      const [first, second] = [cache.sequence({ capacity: 20 }), cache.sequence({ capacity: 20 })]
      for (const sequence of [first, second]) model.forward(idsOf(5), sequence).dispose()
      using logits = model.forward(idsOf(4))
      using found = argMax(logits)
      const ids = [...(await found.readIntegers())]
      const expected = await read(model.forward(ids, first, { logits: 'all' }))
      expect(await read(model.run(model.extend([{ sequence: second, ids: found, logits: 'all' }])))).toEqual(expected)
      expect([second.length, found.disposed]).toEqual([6, false])
      const both = [
        { sequence: first, ids: [1] },
        { sequence: second, ids: found },
      ]
      expect(() => model.extend(both)).toThrow('ids on the device are for a pass with one addition')
      expect([first.length, second.length]).toEqual([6, 6])
    })

    test('packed documents have the logits that each has alone', async () => {
      await using device = await openDevice(name)
      using model = randomLlama(device, kinds.GQA, 5)
      const documents = [idsOf(5, 1), idsOf(17, 2), idsOf(1, 3)]
      const packed = await read(model.run(model.pack(documents.flat(), [0, 5, 22])))
      const expected: number[] = []
      for (const ids of documents) expected.push(...(await read(model.run(model.pack(ids)))))
      expectSame(device, packed, expected, 'documents')
    })

    test('a window gives the same in parts', async () => {
      await using device = await openDevice(name)
      using model = randomLlama(device, kinds.GQA, 5, 3)
      const expected = await read(model.run(model.pack(idsOf(11))))
      expect(relativeError(await inParts(model, idsOf(11), 4), expected)).toBeLessThan(1e-5)
    })
  })

test('simd gives the same bits with 1 and 2 threads', async () => {
  const logits: number[][] = []
  for (const threads of [1, 2]) {
    await using device = await openDevice('simd', { threads })
    using model = randomLlama(device, kinds.GQA, 3)
    logits.push(await inParts(model, idsOf(70), 33))
  }
  expect(logits[1]).toEqual(logits[0])
})

test('the last logits are the last of all', async () => {
  await using device = await openDevice('cpu')
  using model = randomLlama(device, kinds.GQA, 4)
  const all = await read(model.forward(idsOf(13), undefined, { logits: 'all' }))
  expect(await read(model.forward(idsOf(13)))).toEqual(all.slice(-31))
})

test('after a rewind, other tokens replace the removed ones', async () => {
  await using device = await openDevice('cpu')
  using model = randomLlama(device, kinds.GQA, 5)
  using cache = model.createCache()
  const sequence = cache.sequence({ capacity: 20 })
  const logitsOf = (ids: readonly number[]) => read(model.forward(ids, sequence))
  await logitsOf([1, 2, 3])
  const first = await logitsOf([4, 5])
  await logitsOf([9, 9, 9])
  sequence.rewind(3)
  expect(await logitsOf([4, 5])).toEqual(first)
  sequence.rewind(3)
  expect(await logitsOf([5, 4])).not.toEqual(first)
  expect(sequence.length).toBe(5)
})

test('what happens inside can be observed', async () => {
  await using device = await openDevice('cpu')
  using model = randomLlama(device, kinds.GQA, 6)
  const seen = new Map<string, Promise<Float32Array>>()
  const shapes: Record<string, readonly number[]> = {}
  const observe = (name: string, value: Tensor) => {
    seen.set(name, value.read())
    shapes[name] = value.shape
  }
  const logits = await read(model.forward([1, 2, 3], undefined, { logits: 'all', observe }))
  expect(shapes).toEqual({
    tok_embeddings: [3, 24],
    'layers.0.attention.weights': [3, 4, 3],
    'layers.0': [3, 24],
    'layers.1.attention.weights': [3, 4, 3],
    'layers.1': [3, 24],
    logits: [3, 31],
  })
  expect([...((await seen.get('logits')) as Float32Array)]).toEqual(logits)
  const weights = (await seen.get('layers.1.attention.weights')) as Float32Array
  for (let row = 0; row < 12; row++)
    expect(weights.subarray(3 * row, 3 * row + 3).reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 5)
})

test('a pass frees everything except its logits', async () => {
  await using device = await openDevice('cpu')
  using model = randomLlama(device, kinds.GQA, 6)
  using cache = model.createCache()
  const sequence = cache.sequence({ capacity: 8 })
  model.forward([1], sequence).dispose()
  const before = { ...device.memory }
  model.forward([1, 2, 3], sequence).dispose()
  expect(() => model.forward([99], sequence)).toThrow('token id 99')
  expect(device.memory).toEqual(before)
})
