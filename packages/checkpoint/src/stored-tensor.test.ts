import { byteLength, type DType, encodableDTypes, halfToFloat } from '@cria/dtypes'
import { expect, test } from 'vitest'
import type { ReadTensorOptions, StoredDType, TensorData } from './checkpoint'
import { memorySource } from './sources/memory'
import type { StoredPart, StoredTensor } from './stored-model'
import { readStored } from './stored-tensor'

const rows = 24
const columns = 64
const shape = [rows, columns]

/** Valid stored bytes of a type: the scales of blocks are small finite halves. */
const stored = (dtype: StoredDType, elements: number, seed: number): Uint8Array => {
  const bytes = Uint8Array.from(
    { length: byteLength(dtype === 'i8_grouped' ? 'i8' : dtype, elements) },
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

interface Layout {
  readonly tensor: StoredTensor
  readonly options?: ReadTensorOptions
}

/** Swaps neighbouring rows. */
const swap = (row: number) => row ^ 1

const layout = (dtype: StoredDType, parts: readonly StoredPart[], options?: ReadTensorOptions): Layout => ({
  tensor: { name: 'w', shape: parts[0].shape, dtype, parts },
  ...(options && { options }),
})

/** Every layout of a tensor in its files, read in chunks of `bytes` bytes. */
const layouts: Record<string, (chunkBytes: number) => Layout> = {
  ...Object.fromEntries(
    (['f32', 'f16', 'bf16', 'q8_0'] as const).flatMap(dtype => {
      const whole = (bytes: number) => [part(dtype, shape, 1, bytes)]
      const inRows = (bytes: number) => [0, 1, 2].map(seed => part(dtype, [rows / 3, columns], seed, bytes))
      const inColumns = (bytes: number) => [0, 1].map(seed => part(dtype, [rows, columns / 2], seed, bytes))
      return [
        [dtype, (bytes: number) => layout(dtype, whole(bytes))],
        [`${dtype} with rows swapped`, (bytes: number) => layout(dtype, whole(bytes), { permuteRows: swap })],
        [`${dtype} in three shards of rows`, (bytes: number) => layout(dtype, inRows(bytes), { shardAxis: 0 })],
        [`${dtype} in two shards of columns`, (bytes: number) => layout(dtype, inColumns(bytes), { shardAxis: 1 })],
        [
          `${dtype} in two shards of columns with rows swapped`,
          (bytes: number) => layout(dtype, inColumns(bytes), { shardAxis: 1, permuteRows: swap }),
        ],
      ]
    }),
  ),
  'int8 in groups of 8': bytes => layout('i8_grouped', [grouped(8, bytes)]),
  'int8 in groups of 48, across rows': bytes => layout('i8_grouped', [grouped(48, bytes)]),
}

const read = (name: string, chunkBytes: number, dtype?: DType): Promise<TensorData> => {
  const { tensor, options } = layouts[name](chunkBytes)
  return readStored(tensor, { ...options, dtype })
}

test.each(Object.keys(layouts))(
  '%s: a tensor is the same however small the chunks that it is read in',
  async layout => {
    for (const dtype of [undefined, ...encodableDTypes]) {
      const whole = await read(layout, 2 ** 20, dtype)
      for (const chunkBytes of [1, 200, 700]) expect(await read(layout, chunkBytes, dtype)).toEqual(whole)
    }
  },
)

test('shards of rows and of columns are joined in the right order', async () => {
  const rowShards = await read('f32 in three shards of rows', 200)
  ;(rowShards.data as Float32Array).forEach((value, i) => {
    const shard = Math.floor(i / ((rows / 3) * columns))
    expect(value).toBe(Math.fround(Math.sin((i % ((rows / 3) * columns)) + shard)))
  })
  const columnShards = await read('f32 in two shards of columns', 200)
  ;(columnShards.data as Float32Array).forEach((value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    const shard = Math.floor(column / (columns / 2))
    expect(value).toBe(Math.fround(Math.sin(row * (columns / 2) + (column % (columns / 2)) + shard)))
  })
})

test('rows go where the permutation says, of vectors too', async () => {
  const { data } = await read('f32 with rows swapped', 200)
  for (let row = 0; row < rows; row++) {
    expect(data[row * columns]).toBe(Math.fround(Math.sin(swap(row) * columns + 1)))
  }
  const vector = Float32Array.from({ length: 6 }, (_, i) => i)
  const source = memorySource(new Uint8Array(vector.buffer))
  const tensor: StoredTensor = { name: 'b', shape: [6], dtype: 'f32', parts: [{ source, offset: 0, shape: [6] }] }
  for (const dtype of ['f32', 'f16'] as const) {
    const swapped = await readStored(tensor, { dtype, permuteRows: swap })
    const numbers = dtype === 'f32' ? swapped.data : Uint16Array.from(swapped.data as Uint16Array)
    expect(swapped.shape).toEqual([6])
    const values = Array.from(numbers as ArrayLike<number>, dtype === 'f32' ? Number : halfToFloat)
    expect(values).toEqual([1, 0, 3, 2, 5, 4])
  }
})

test('without an axis the first of several copies is read', async () => {
  const parts = [1, 2].map(seed => part('f32', shape, seed, 200))
  const { data } = await readStored({ name: 'w', shape, dtype: 'f32', parts })
  expect([data.length, data[0]]).toEqual([rows * columns, Math.fround(Math.sin(1))])
})

test('each group has its own scale, also across rows', async () => {
  for (const groupSize of [8, 48]) {
    const { data } = await read(groupSize === 8 ? 'int8 in groups of 8' : 'int8 in groups of 48, across rows', 100)
    const bytes = stored('i8_grouped', rows * columns, 1)
    ;(data as Float32Array).forEach((value, i) => {
      const scale = Math.fround(0.25 + Math.floor(i / groupSize) / 64)
      expect(value).toBe(Math.fround(((bytes[i] << 24) >> 24) * scale))
    })
  }
})

test('f16 reads as the numbers of its bits', async () => {
  const { data } = await read('f16', 200, 'f32')
  const { data: bits } = await read('f16', 200)
  expect([...(data as Float32Array)]).toEqual(Array.from(bits as Uint16Array, halfToFloat))
})

test('rows that are not whole blocks, and values beyond f16, are ConversionErrors that name the tensor', async () => {
  const odd: StoredTensor = { name: 'w', shape: [2, 40], dtype: 'f32', parts: [part('f32', [2, 40], 1, 100)] }
  await expect(readStored(odd, { dtype: 'q8_0' })).rejects.toThrow(
    /tensor "w": has rows of 40, not a multiple of the 32 elements of a q8_0 block/,
  )
  const source = memorySource(new Uint8Array(Float32Array.of(1, 1e6).buffer))
  const large: StoredTensor = { name: 'w', shape: [1, 2], dtype: 'f32', parts: [{ source, offset: 0, shape: [1, 2] }] }
  await expect(readStored(large, { dtype: 'f16' })).rejects.toThrow(/tensor "w": does not fit: f16 cannot hold 1000000/)
})

test('a tensor beyond the memory of any machine is a ConversionError that says how much it needs', async () => {
  const shape = [2 ** 31 - 1, 4096]
  const source = { ...memorySource(new Uint8Array(0), 'vast.gguf'), size: 2 ** 50 }
  const vast: StoredTensor = { name: 'w', shape, dtype: 'f32', parts: [{ source, offset: 0, shape }] }
  for (const dtype of ['f32', 'q4_0'] as const) {
    await expect(readStored(vast, { dtype })).rejects.toThrow(
      /vast.gguf: tensor "w": needs \d+ bytes, more memory than is available/,
    )
  }
})

test('a type that is not written is a ConversionError', async () => {
  const { tensor } = layouts.f32(200)
  await expect(readStored(tensor, { dtype: 'q5_0' })).rejects.toThrow(
    /is f32, which converts to f32, .*, but not to q5_0/,
  )
})
