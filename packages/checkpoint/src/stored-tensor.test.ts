import { expect, test } from 'vitest'
import type { TensorData } from './checkpoint'
import { byteLength, type DType, type WeightDType, weightDTypes } from './dtypes'
import { halfToNumber } from './quantisation/half'
import { halvesRow } from './rope-permutation'
import { memorySource } from './sources/memory'
import { readStored, type StoredPart, type StoredTensor } from './stored-tensor'

const rows = 24
const columns = 64
const shape = [rows, columns]

/** Stored bytes that are sound for a type: scales of blocks are small finite halves. */
const stored = (dtype: DType, elements: number, seed: number): Uint8Array => {
  const bytes = Uint8Array.from(
    { length: byteLength(dtype, elements) },
    (_, i) => (i * 31 + seed * 17 + (i >> 5)) % 251,
  )
  if (dtype === 'f32')
    return new Uint8Array(Float32Array.from({ length: elements }, (_, i) => Math.sin(i + seed)).buffer)
  if (dtype === 'f16' || dtype === 'bf16') for (let i = 1; i < bytes.length; i += 2) bytes[i] &= 0x3b
  if (dtype === 'q8_0') for (let i = 1; i < bytes.length; i += 34) bytes[i] &= 0x1f
  return bytes
}

const part = (dtype: DType, shape: readonly number[], seed: number, chunkBytes: number): StoredPart => {
  const elements = shape[0] * shape[1]
  const data = stored(dtype, elements, seed)
  const padded = new Uint8Array(3 + data.length)
  padded.set(data, 3)
  return { source: { ...memorySource(padded), chunkBytes }, offset: 3, shape }
}

const grouped = (groupSize: number, chunkBytes: number): StoredPart => {
  const data = stored('i8_grouped', rows * columns, 1)
  const scales = Float32Array.from({ length: (rows * columns) / groupSize }, (_, i) => 0.25 + i / 64)
  const bytes = new Uint8Array(data.length + scales.byteLength)
  bytes.set(data)
  bytes.set(new Uint8Array(scales.buffer), data.length)
  return {
    source: { ...memorySource(bytes), chunkBytes },
    offset: 0,
    shape,
    scales: { offset: data.length, groupSize },
  }
}

/** Every way in which a tensor can lie in its files, read in chunks of so many bytes. */
const layouts: Record<string, (chunkBytes: number) => StoredTensor> = {
  ...Object.fromEntries(
    (['f32', 'f16', 'bf16', 'q8_0'] as const).flatMap(dtype => [
      [dtype, (bytes: number) => ({ name: 'w', shape, dtype, parts: [part(dtype, shape, 1, bytes)] })],
      [
        `${dtype} in halves`,
        (bytes: number) => ({ name: 'w', shape, dtype, parts: [part(dtype, shape, 1, bytes)], halvesOf: 8 }),
      ],
      [
        `${dtype} in three shards of rows`,
        (bytes: number) => ({
          ...{ name: 'w', shape, dtype, axis: 0 as const },
          parts: [0, 1, 2].map(seed => part(dtype, [rows / 3, columns], seed, bytes)),
        }),
      ],
      [
        `${dtype} in two shards of columns`,
        (bytes: number) => ({
          ...{ name: 'w', shape, dtype, axis: 1 as const },
          parts: [0, 1].map(seed => part(dtype, [rows, columns / 2], seed, bytes)),
        }),
      ],
    ]),
  ),
  'int8 in groups of 8': bytes => ({ name: 'w', shape, dtype: 'i8_grouped', parts: [grouped(8, bytes)] }),
  'int8 in groups of 48, across rows': bytes => ({
    name: 'w',
    shape,
    dtype: 'i8_grouped',
    parts: [grouped(48, bytes)],
  }),
}

const read = (layout: string, chunkBytes: number, dtype?: WeightDType): Promise<TensorData> =>
  readStored(layouts[layout](chunkBytes), { dtype })

test.each(Object.keys(layouts))(
  '%s: a tensor is the same however small the chunks that it is read in',
  async layout => {
    for (const dtype of [undefined, ...weightDTypes]) {
      const whole = await read(layout, 2 ** 20, dtype)
      for (const chunkBytes of [1, 200, 700]) expect(await read(layout, chunkBytes, dtype)).toEqual(whole)
    }
  },
)

test('shards of rows and of columns land where they belong', async () => {
  const rowShards = await read('f32 in three shards of rows', 200)
  rowShards.data.forEach((value, i) => {
    const shard = Math.floor(i / ((rows / 3) * columns))
    expect(value).toBe(Math.fround(Math.sin((i % ((rows / 3) * columns)) + shard)))
  })
  const columnShards = await read('f32 in two shards of columns', 200)
  columnShards.data.forEach((value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    const shard = Math.floor(column / (columns / 2))
    expect(value).toBe(Math.fround(Math.sin(row * (columns / 2) + (column % (columns / 2)) + shard)))
  })
})

test('rows in halves are interleaved, within each head', async () => {
  const { data } = await read('f32 in halves', 200)
  for (let row = 0; row < rows; row++) {
    expect(data[row * columns]).toBe(Math.fround(Math.sin(halvesRow(row, 8) * columns + 1)))
  }
})

test('groups are scaled each by its own, across rows too', async () => {
  for (const groupSize of [8, 48]) {
    const { data } = await read(groupSize === 8 ? 'int8 in groups of 8' : 'int8 in groups of 48, across rows', 100)
    const bytes = stored('i8_grouped', rows * columns, 1)
    data.forEach((value, i) => {
      const scale = Math.fround(0.25 + Math.floor(i / groupSize) / 64)
      expect(value).toBe(Math.fround(((bytes[i] << 24) >> 24) * scale))
    })
  }
})

test('f16 reads as the numbers of its bits', async () => {
  const { data } = await read('f16', 200, 'f32')
  const { data: bits } = await read('f16', 200)
  expect([...data]).toEqual([...bits].map(halfToNumber))
})

test('rows that no block divides, and values beyond f16, are ConversionErrors that name the tensor', async () => {
  const odd: StoredTensor = { name: 'w', shape: [2, 40], dtype: 'f32', parts: [part('f32', [2, 40], 1, 100)] }
  await expect(readStored(odd, { dtype: 'q8_0' })).rejects.toThrow(/tensor "w": rows of 40 are no whole number of q8_0/)
  const source = memorySource(new Uint8Array(Float32Array.of(1, 1e6).buffer))
  const large: StoredTensor = { name: 'w', shape: [1, 2], dtype: 'f32', parts: [{ source, offset: 0, shape: [1, 2] }] }
  await expect(readStored(large, { dtype: 'f16' })).rejects.toThrow(/tensor "w": holds 1000000, which f16 cannot/)
})

test('a tensor beyond the memory of any machine is a ConversionError that says how much it needs', async () => {
  const shape = [2 ** 31 - 1, 4096]
  const source = { ...memorySource(new Uint8Array(0), 'vast.gguf'), size: 2 ** 50 }
  const vast: StoredTensor = { name: 'w', shape, dtype: 'f32', parts: [{ source, offset: 0, shape }] }
  for (const dtype of ['f32', 'q4_0'] as const) {
    await expect(readStored(vast, { dtype })).rejects.toThrow(/vast.gguf: tensor "w": needs \d+ bytes of memory/)
  }
})
