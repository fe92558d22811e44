import { expect, expectTypeOf, test } from 'vitest'
import { allocate, bytesOf, type DType, dtypes, isDType, type StorageOf, viewOf } from '../src/index'

test('each type has its typed array', () => {
  const found = Object.fromEntries(
    (Object.keys(dtypes) as DType[]).map(dtype => [dtype, allocate(dtype, 256).constructor.name]),
  )
  expect(found).toMatchObject({ f32: 'Float32Array', f16: 'Uint16Array', bf16: 'Uint16Array', i32: 'Int32Array' })
  expect(found).toMatchObject({ i64: 'BigInt64Array', f64: 'Float64Array', u8: 'Uint8Array', bool: 'Uint8Array' })
  for (const [name, { kind }] of Object.entries(dtypes)) if (kind === 'block') expect(found[name]).toBe('Uint8Array')
  for (const dtype of Object.keys(dtypes) as DType[]) {
    const { blockElements, blockBytes } = dtypes[dtype]
    expect(allocate(dtype, 256).byteLength, dtype).toBe((256 / blockElements) * blockBytes)
  }
  expectTypeOf<StorageOf<'f16'>>().toEqualTypeOf<Uint16Array<ArrayBuffer>>()
  expectTypeOf<StorageOf<'q8_0'>>().toEqualTypeOf<Uint8Array<ArrayBuffer>>()
})

test('a view shares memory if its offset is aligned, and is a copy otherwise', () => {
  const bytes = new Uint8Array(Float32Array.of(1, 2).buffer)
  const view = viewOf('f32', bytes)
  view[1] = 3
  expect([...bytesOf(view)]).toEqual([...bytes])
  const shifted = new Uint8Array(9)
  shifted.set(bytes, 1)
  expect([...viewOf('f32', shifted.subarray(1))]).toEqual([1, 3])
})

test('names', () => {
  expect(isDType('q4_k')).toBe(true)
  expect(isDType('toString')).toBe(false)
  const ids = Object.values(dtypes).flatMap(({ ggufId }) => ggufId ?? [])
  expect(new Set(ids).size).toBe(ids.length)
  expect([dtypes.f32, dtypes.q4_k, dtypes.iq4_xs, dtypes.bf16].map(({ ggufId }) => ggufId)).toEqual([0, 12, 23, 30])
})
