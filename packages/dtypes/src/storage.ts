import { byteLength, type DType } from './dtypes'

/** The typed array that holds each type in memory: halves as their bits, blocks as bytes. */
export interface Storages {
  f64: Float64Array<ArrayBuffer>
  f32: Float32Array<ArrayBuffer>
  f16: Uint16Array<ArrayBuffer>
  bf16: Uint16Array<ArrayBuffer>
  i64: BigInt64Array<ArrayBuffer>
  i32: Int32Array<ArrayBuffer>
  i16: Int16Array<ArrayBuffer>
  i8: Int8Array<ArrayBuffer>
  u64: BigUint64Array<ArrayBuffer>
  u32: Uint32Array<ArrayBuffer>
  u16: Uint16Array<ArrayBuffer>
}

export type StorageOf<D extends DType> = D extends keyof Storages ? Storages[D] : Uint8Array<ArrayBuffer>

interface StorageType {
  new (buffer: ArrayBuffer, byteOffset?: number, length?: number): StorageOf<DType>
  readonly BYTES_PER_ELEMENT: number
}

const arrays: Readonly<Record<keyof Storages, StorageType>> = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i16: Int16Array,
  i8: Int8Array,
  u64: BigUint64Array,
  u32: Uint32Array,
  u16: Uint16Array,
}

const arrayOf = (dtype: DType): StorageType => (arrays as Partial<Record<DType, StorageType>>)[dtype] ?? Uint8Array

/**
 * `bytes` as the typed array of `dtype`, over the same memory. Only bytes whose offset does not fit the type's alignment
 * are copied.
 */
export const viewOf = <D extends DType>(dtype: D, bytes: Uint8Array<ArrayBuffer>): StorageOf<D> => {
  const type = arrayOf(dtype)
  const { buffer, byteOffset, length } = byteAligned(bytes, type.BYTES_PER_ELEMENT)
  return new type(buffer, byteOffset, length / type.BYTES_PER_ELEMENT) as StorageOf<D>
}

const byteAligned = (bytes: Uint8Array<ArrayBuffer>, size: number) =>
  bytes.byteOffset % size === 0 ? bytes : bytes.slice()

/** Zeroed memory for `elements` numbers of `dtype`, a multiple of its `blockElements`. */
export const allocate = <D extends DType>(dtype: D, elements: number): StorageOf<D> =>
  viewOf(dtype, new Uint8Array(byteLength(dtype, elements)))

/** The bytes of a typed array, over the same memory. */
export const bytesOf = <B extends ArrayBufferLike>({ buffer, byteOffset, byteLength }: ArrayBufferView<B>) =>
  new Uint8Array(buffer, byteOffset, byteLength)
