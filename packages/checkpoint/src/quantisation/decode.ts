import type { DType } from '../dtypes'
import { halfTable } from './half'
import { decodeQ2K, decodeQ3K, decodeQ4K, decodeQ5K, decodeQ6K } from './k-quants'
import { type Decode, decodeQ4_0, decodeQ4_1, decodeQ5_0, decodeQ5_1, decodeQ8_0 } from './legacy-blocks'

interface ArrayType<T> {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T
  readonly BYTES_PER_ELEMENT: number
}

/** The bytes as numbers (the hosts of JavaScript are little-endian, as the files are), copied only if misaligned. */
const view = <T>(type: ArrayType<T>, bytes: Uint8Array, from: number, count: number): T => {
  const start = bytes.byteOffset + from
  if (start % type.BYTES_PER_ELEMENT === 0) return new type(bytes.buffer, start, count)
  const length = count * type.BYTES_PER_ELEMENT
  return new type(bytes.slice(from, from + length).buffer, 0, count)
}

const plain =
  (type: ArrayType<ArrayLike<number>>): Decode =>
  (bytes, from, count, out, at) =>
    out.set(view(type, bytes, from, count), at)

const wide =
  (type: ArrayType<ArrayLike<bigint>>): Decode =>
  (bytes, from, count, out, at) => {
    const values = view(type, bytes, from, count)
    for (let i = 0; i < count; i++) out[at + i] = Number(values[i])
  }

const decodeF16: Decode = (bytes, from, count, out, at) => {
  const table = halfTable()
  const halves = view(Uint16Array, bytes, from, count)
  for (let i = 0; i < count; i++) out[at + i] = table[halves[i]]
}

/** bfloat16 is the upper half of an f32. */
const decodeBF16: Decode = (bytes, from, count, out, at) => {
  const upper = view(Uint16Array, bytes, from, count)
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < count; i++) words[at + i] = upper[i] << 16
}

/** How each stored type becomes f32. Grouped int8 is decoded as plain int8, and scaled where its scales are known. */
export const decoders: Readonly<Record<DType, Decode>> = {
  f64: plain(Float64Array),
  f32: plain(Float32Array),
  f16: decodeF16,
  bf16: decodeBF16,
  i64: wide(BigInt64Array),
  i32: plain(Int32Array),
  i16: plain(Int16Array),
  i8: plain(Int8Array),
  u64: wide(BigUint64Array),
  u32: plain(Uint32Array),
  u16: plain(Uint16Array),
  u8: plain(Uint8Array),
  bool: plain(Uint8Array),
  q4_0: decodeQ4_0,
  q4_1: decodeQ4_1,
  q5_0: decodeQ5_0,
  q5_1: decodeQ5_1,
  q8_0: decodeQ8_0,
  q2_k: decodeQ2K,
  q3_k: decodeQ3K,
  q4_k: decodeQ4K,
  q5_k: decodeQ5K,
  q6_k: decodeQ6K,
  i8_grouped: plain(Int8Array),
}
