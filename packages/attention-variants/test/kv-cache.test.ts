import { openDevice, TensorError } from '@cria/tensor'
import { expect, test } from 'vitest'
import { ContextOverflowError, extendSequences, KvCache, packDocuments, type Sequence } from '../src'

const device = await openDevice('cpu')
const shape = { layers: 2, kvHeads: 1, headDim: 2 }

/** Writes `value` for each token that is added, and gives the list of the pass. */
const add = (sequence: Sequence, values: readonly number[]) => {
  using _scope = device.scope()
  const list = extendSequences([{ sequence, ids: values.map(() => 0) }], { vocabSize: 1 })
  const tensor = device.tensor(
    values.flatMap(value => [value, -value]),
    [values.length, 1, 2],
  )
  const rows = device.tensor(list.rows, [values.length])
  for (const layer of sequence.cache.layers) layer.update(tensor, tensor, rows)
  return list
}

/** What the last layer holds of a sequence. */
const held = async ({ cache, region, length }: Sequence) => {
  const all = (await cache.layers[1].keys?.read()) ?? []
  return Array.from({ length }, (_, t) => all[2 * (region.start + t)])
}

test('sequences grow past each other and keep what they hold', async () => {
  using cache = new KvCache(device, shape)
  const first = cache.sequence({ capacity: 300 })
  const second = cache.sequence({ capacity: 1000 })
  const numbers = (count: number, from: number) => Array.from({ length: count }, (_, i) => from + i)
  add(first, numbers(60, 1))
  add(second, numbers(64, 1001))
  add(first, numbers(100, 61))
  add(second, numbers(300, 1065))
  expect(await held(first)).toEqual(numbers(160, 1))
  expect(await held(second)).toEqual(numbers(364, 1001))
})

test('rows of a sequence that ended are used again', () => {
  using cache = new KvCache(device, { ...shape, rows: 64 })
  for (let i = 0; i < 20; i++) {
    using sequence = cache.sequence({ capacity: 64 })
    add(sequence, [1, 2, 3])
  }
  expect(cache.rows).toBe(64)
})

test('a fork holds the same tokens, and is independent afterwards', async () => {
  using cache = new KvCache(device, shape)
  const first = cache.sequence({ capacity: 100 })
  add(first, [1, 2, 3])
  const second = first.fork()
  add(first, [4])
  add(second, [5, 6])
  expect(await held(first)).toEqual([1, 2, 3, 4])
  expect(await held(second)).toEqual([1, 2, 3, 5, 6])
})

test('a pass lists ids, positions, rows and ranges of all its sequences', () => {
  using cache = new KvCache(device, shape)
  const first = cache.sequence({ capacity: 64 })
  const second = cache.sequence({ capacity: 64 })
  add(first, [1, 2])
  const list = extendSequences(
    [
      { sequence: second, ids: [7, 8, 9], logits: 'all' },
      { sequence: first, ids: [5] },
    ],
    { vocabSize: 10, window: 2 },
  )
  const [a, b] = [first.region.start, second.region.start]
  expect(list).toMatchObject({
    ids: Int32Array.of(7, 8, 9, 5),
    positions: Int32Array.of(0, 1, 2, 2),
    lengths: Int32Array.of(3, 3, 3, 3),
    rows: Int32Array.of(b, b + 1, b + 2, a + 2),
    first: Int32Array.of(b, b, b + 1, a + 1),
    last: Int32Array.of(b, b + 1, b + 2, a + 2),
    outputs: Int32Array.of(0, 1, 2, 3),
  })
})

test('more tokens than a sequence has room for are refused, and no sequence is extended', () => {
  using cache = new KvCache(device, shape)
  const [first, second] = [cache.sequence({ capacity: 8 }), cache.sequence({ capacity: 4 })]
  const both = (count: number) => [
    { sequence: first, ids: [1, 2] },
    { sequence: second, ids: new Array<number>(count).fill(0) },
  ]
  expect(() => extendSequences(both(5), { vocabSize: 3 })).toThrow(ContextOverflowError)
  expect(() => extendSequences(both(5), { vocabSize: 3 })).toThrow(
    '5 tokens at position 0 do not fit in a context of 4',
  )
  expect([first.length, second.length]).toEqual([0, 0])
})

test.each([-1, 1.5, 4, NaN])('rewinding to %d from 3 is refused', length => {
  using cache = new KvCache(device, shape)
  const sequence = cache.sequence({ capacity: 8, length: 3 })
  expect(() => sequence.rewind(length)).toThrow(RangeError)
  expect(sequence.length).toBe(3)
})

test('it reports its bytes, and frees them', () => {
  const before = { ...device.memory }
  const cache = new KvCache(device, { ...shape, rows: 5 })
  expect(cache.bytes).toBe(2 * 2 * (5 * 1 * 2) * 4)
  expect(device.memory.bytes - before.bytes).toBe(cache.bytes)
  cache.dispose()
  expect(device.memory).toEqual(before)
})

test('a type that the device cannot hold is refused', () => {
  expect(() => new KvCache(device, { ...shape, dtype: 'f16' })).toThrow(
    new TensorError('device "cpu" holds a cache as f32, not f16'),
  )
})

test('a q8_0 cache of heads that are not whole blocks is refused before a pass', async () => {
  await using simd = await openDevice('simd')
  expect(() => new KvCache(simd, { ...shape, headDim: 48, dtype: 'q8_0' })).toThrow(
    new TensorError('a q8_0 cache needs heads of whole blocks of 32 numbers, not 48: use f16 or f32'),
  )
  using cache = new KvCache(simd, { ...shape, headDim: 64, dtype: 'q8_0', rows: 1 })
  expect(cache.dtype).toBe('q8_0')
})

test('documents must start within the tokens', () => {
  expect(() => packDocuments([1, 2, 3], { vocabSize: 4 }, [0, 4])).toThrow(RangeError)
  expect(packDocuments([1, 2, 3], { vocabSize: 4 }, [2]).positions).toEqual(Int32Array.of(0, 1, 0))
})
