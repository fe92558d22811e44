/** `float` and `integer` types are single numbers; `block` types are GGUF's quantised blocks. */
export type DTypeKind = 'float' | 'integer' | 'block'

export interface DTypeInfo {
  readonly kind: DTypeKind
  /** Elements in one block: 1 for plain numbers, 32 or 256 for blocks. A row of a matrix holds whole blocks. */
  readonly blockElements: number
  /** Bytes of one block. */
  readonly blockBytes: number
  /** The number of the type in GGUF files (`ggml_type`); undefined for types that GGUF does not have. */
  readonly ggufId: number | undefined
}

const float = (blockBytes: number, ggufId: number) => ({ kind: 'float', blockElements: 1, blockBytes, ggufId }) as const

const integer = (blockBytes: number, ggufId?: number) =>
  ({ kind: 'integer', blockElements: 1, blockBytes, ggufId }) as const

const block = (blockElements: number, blockBytes: number, ggufId: number) =>
  ({ kind: 'block', blockElements, blockBytes, ggufId }) as const

const table = {
  f64: float(8, 28),
  f32: float(4, 0),
  f16: float(2, 1),
  bf16: float(2, 30),
  i64: integer(8, 27),
  i32: integer(4, 26),
  i16: integer(2, 25),
  i8: integer(1, 24),
  u64: integer(8),
  u32: integer(4),
  u16: integer(2),
  u8: integer(1),
  bool: integer(1),
  // Blocks of 32: a scale (and a minimum) in f16, then the quantised elements.
  q4_0: block(32, 18, 2),
  q4_1: block(32, 20, 3),
  q5_0: block(32, 22, 6),
  q5_1: block(32, 24, 7),
  q8_0: block(32, 34, 8),
  iq4_nl: block(32, 18, 20),
  // Blocks of 256 whose sub-blocks have quantised scales.
  q2_k: block(256, 84, 10),
  q3_k: block(256, 110, 11),
  q4_k: block(256, 144, 12),
  q5_k: block(256, 176, 13),
  q6_k: block(256, 210, 14),
  iq4_xs: block(256, 136, 23),
} as const

/** How the elements of a tensor are stored. */
export type DType = keyof typeof table

/** Every type, by name. */
export const dtypes: Readonly<Record<DType, DTypeInfo>> = table

export const isDType = (name: string): name is DType => Object.hasOwn(table, name)

/** Bytes of `elements` numbers of `dtype`; `elements` is a multiple of the type's `blockElements`. */
export const byteLength = (dtype: DType, elements: number): number => {
  const { blockElements, blockBytes } = table[dtype]
  return (elements / blockElements) * blockBytes
}

/** Number of elements in a tensor of this shape; undefined if it is not a safe integer. */
export const elementCount = (shape: readonly number[]): number | undefined => {
  let product = 1
  for (const size of shape) {
    product *= size
    if (!Number.isSafeInteger(product)) return undefined
  }
  return product
}

/** Length of a row: the size of the last axis, along which blocks lie. */
export const rowLength = (shape: readonly number[]): number => shape[shape.length - 1] ?? 1
