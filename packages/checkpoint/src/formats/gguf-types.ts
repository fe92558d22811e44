import type { DType } from '../dtypes'

/** `GGUF`, in the order of its bytes. */
export const ggufMagic = 0x46554747

/** Where data begins, and each tensor in it, unless `general.alignment` says otherwise. */
export const defaultAlignment = 32

/** Metadata value types by number (GGUF specification, `gguf_metadata_value_type`). */
export const valueTypes = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const

export type GgufValueType = (typeof valueTypes)[number]
export type GgufNumberType = Exclude<GgufValueType, 'bool' | 'string' | 'array'>

/** Numbers in the smallest array that holds them: f64 stands for 64-bit integers too, which are refused past 2^53. */
export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array

export const numberArrays: Readonly<Record<GgufNumberType | 'bool', new (length: number) => NumberArray>> = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  bool: Uint8Array,
  u64: Float64Array,
  i64: Float64Array,
  f64: Float64Array,
}

/** A metadata value. Integers past 2^53 are refused on reading. */
export type GgufValue =
  | { readonly type: GgufNumberType; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'array'; readonly items: GgufNumberType | 'bool'; readonly value: NumberArray }
  | { readonly type: 'array'; readonly items: 'string'; readonly value: readonly string[] }

export type GgufMetadata = ReadonlyMap<string, GgufValue>
export type GgufEntry = readonly [key: string, value: GgufValue]

/** Bytes of the types with a fixed size. */
export const valueBytes: Readonly<Record<GgufNumberType | 'bool', number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
}

/** Tensor types by number (`ggml_type`). */
export const tensorTypes: Readonly<Record<number, DType>> = {
  0: 'f32',
  1: 'f16',
  2: 'q4_0',
  3: 'q4_1',
  6: 'q5_0',
  7: 'q5_1',
  8: 'q8_0',
  10: 'q2_k',
  11: 'q3_k',
  12: 'q4_k',
  13: 'q5_k',
  14: 'q6_k',
  24: 'i8',
  25: 'i16',
  26: 'i32',
  27: 'i64',
  28: 'f64',
  30: 'bf16',
}

/** Names of types that exist but are not read, for the error. */
export const unreadTypes: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
}
