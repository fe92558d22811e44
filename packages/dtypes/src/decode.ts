import { type Decoder, decodeQ4_0, decodeQ4_1, decodeQ5_0, decodeQ5_1, decodeQ8_0 } from './blocks'
import { byteLength, type DType, dtypes } from './dtypes'
import { halfTable } from './half'
import { decodeIQ4NL, decodeIQ4XS } from './iq4'
import { decodeQ2K, decodeQ3K, decodeQ4K, decodeQ5K, decodeQ6K } from './k-quants'

interface ArrayType<T> {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T
  readonly BYTES_PER_ELEMENT: number
}

/** The bytes as numbers, copied only if misaligned. JavaScript engines run on little-endian machines, as files are. */
const view = <T>(type: ArrayType<T>, bytes: Uint8Array): T => {
  const { buffer, byteOffset, length } = bytes.byteOffset % type.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice()
  return new type(buffer, byteOffset, length / type.BYTES_PER_ELEMENT)
}

const plain =
  (type: ArrayType<ArrayLike<number>>): Decoder =>
  (bytes, out) =>
    out.set(view(type, bytes))

const wide =
  (type: ArrayType<ArrayLike<bigint>>): Decoder =>
  (bytes, out) => {
    const values = view(type, bytes)
    for (let i = 0; i < out.length; i++) out[i] = Number(values[i])
  }

const decodeF16: Decoder = (bytes, out) => {
  const table = halfTable()
  const halves = view(Uint16Array, bytes)
  for (let i = 0; i < out.length; i++) out[i] = table[halves[i]]
}

/** bfloat16 is the upper half of an f32. */
const decodeBF16: Decoder = (bytes, out) => {
  const upper = view(Uint16Array, bytes)
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < out.length; i++) words[i] = upper[i] << 16
}

const decoders: Readonly<Record<DType, Decoder>> = {
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
  iq4_nl: decodeIQ4NL,
  iq4_xs: decodeIQ4XS,
}

/**
 * Decodes stored numbers to f32: all of `out`, whose length is a multiple of the type's `blockElements`. Integers that
 * f32 cannot hold exactly are rounded.
 * @throws RangeError if `bytes` is not exactly as long as `out` needs
 */
export const decode = (dtype: DType, bytes: Uint8Array, out: Float32Array): void => {
  const { blockElements } = dtypes[dtype]
  if (out.length % blockElements !== 0 || bytes.length !== byteLength(dtype, out.length)) {
    throw new RangeError(
      `${bytes.length} bytes of ${dtype} do not hold ${out.length} elements in whole blocks of ${blockElements}`,
    )
  }
  decoders[dtype](bytes, out)
}
