/** Elements in a block, and the bytes that a block takes on disk; plain types are blocks of one. */
const blocks = {
  f64: [1, 8],
  f32: [1, 4],
  f16: [1, 2],
  bf16: [1, 2],
  i64: [1, 8],
  i32: [1, 4],
  i16: [1, 2],
  i8: [1, 1],
  u64: [1, 8],
  u32: [1, 4],
  u16: [1, 2],
  u8: [1, 1],
  bool: [1, 1],
  // ggml's legacy blocks: scale (and minimum) in f16, then the quants.
  q4_0: [32, 18],
  q4_1: [32, 20],
  q5_0: [32, 22],
  q5_1: [32, 24],
  q8_0: [32, 34],
  // ggml's k-quants: 256 elements with quantised scales.
  q2_k: [256, 84],
  q3_k: [256, 110],
  q4_k: [256, 144],
  q5_k: [256, 176],
  q6_k: [256, 210],
  // llama2.c v2: int8, with one f32 scale for a group of elements, kept after all quants of the tensor.
  i8_grouped: [1, 1],
} as const satisfies Record<string, readonly [elements: number, bytes: number]>

/** How the elements of a tensor are stored. */
export type DType = keyof typeof blocks

/** The types that a tensor can be read as. */
export type WeightDType = 'f32' | 'f16' | 'q8_0' | 'q4_0'

export const weightDTypes: readonly WeightDType[] = ['f32', 'f16', 'q8_0', 'q4_0']

export const isWeightDType = (dtype: string): dtype is WeightDType =>
  (weightDTypes as readonly string[]).includes(dtype)

/** Elements in one block of `dtype`: 1, 32 or 256. A row must hold whole blocks. */
export const blockElements = (dtype: DType): number => blocks[dtype][0]

/** Bytes that `elements` (whole blocks) of `dtype` take. */
export const byteLength = (dtype: DType, elements: number): number => (elements / blocks[dtype][0]) * blocks[dtype][1]

/** Elements of a tensor of this shape; `undefined` where the product is no safe integer. */
export const elementCount = (shape: readonly number[]): number | undefined => {
  let product = 1
  for (const size of shape) {
    product *= size
    if (!Number.isSafeInteger(product)) return undefined
  }
  return product
}

/** The length of a row: the last axis, along which blocks lie. */
export const rowLength = (shape: readonly number[]): number => shape[shape.length - 1] ?? 1

/**
 * The type that a weight gets when a model is converted to `wanted`: norms (one axis) stay f32, and a matrix whose rows
 * are no whole number of blocks becomes f16, as in llama.cpp's own conversions.
 */
export const storageDType = (shape: readonly number[], wanted: WeightDType): WeightDType => {
  if (shape.length < 2) return 'f32'
  return rowLength(shape) % blockElements(wanted) === 0 ? wanted : 'f16'
}
