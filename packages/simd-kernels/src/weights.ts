import { byteLength, type DType, dtypes } from '@cria/dtypes'
import { SimdArgumentError } from './errors'
import type { Memory } from './memory'
import type { Int8Dot } from './probe'

/** The values of each quantised type: signed values need all 8 bits; `zero` is added to the others when they are stored. */
const values = {
  q8_0: { bits: 8, zero: 0 },
  q4_0: { bits: 4, zero: 8 },
  q4_1: { bits: 4, zero: 0 },
  q5_0: { bits: 5, zero: 16 },
  q5_1: { bits: 5, zero: 0 },
  q2_k: { bits: 2, zero: 0 },
  q3_k: { bits: 3, zero: 4 },
  q4_k: { bits: 4, zero: 0 },
  q5_k: { bits: 5, zero: 0 },
  q6_k: { bits: 6, zero: 32 },
  iq4_nl: { bits: 8, zero: 0 },
  iq4_xs: { bits: 8, zero: 0 },
} as const

export type QuantisedType = keyof typeof values

/** Types of numbers that weights are multiplied in, as files store them. */
export type WeightType = 'f32' | 'f16' | 'bf16' | QuantisedType

/** Every {@link WeightType}. */
export const weightTypes = ['f32', 'f16', 'bf16', ...Object.keys(values)] as readonly WeightType[]

/** Pieces of a weight begin at a multiple of this many rows, and only the last piece may have another number of rows. */
export const PIECE_ROWS = 8

/** A weight matrix [out, in] in an engine's memory. */
export interface Weight {
  readonly dtype: WeightType
  readonly out: number
  readonly in: number
  readonly pointer: number
  readonly bytes: number
  /** Whether it is stored in the order in which the kernels read it. If not, it is rows of f32 numbers, as any tensor. */
  readonly packed: boolean
}

/** A weight before it is packed: the bytes of a file, or f32 numbers, or f16 or bf16 bit patterns, [out, in] row-major. */
export interface WeightData {
  readonly dtype: WeightType
  readonly out: number
  readonly in: number
  readonly data: ArrayBufferView<ArrayBufferLike>
}

/** What assembly/ exports for weights. */
export interface WeightExports {
  weightBytes(type: number, n: number, k: number): number
  packRows(
    rows: number,
    panels: number,
    type: number,
    n: number,
    k: number,
    first: number,
    count: number,
    zero: number,
    widen: boolean,
  ): boolean
}

/** Products of quantised values, by the numbers that assembly/integer.ts gives them. */
const PRODUCTS = { widen: 0, dot: 1, pair: 2, pairOfTwo: 3 } as const

/** How the values of a quantised weight are multiplied, and what is added to them. */
export interface Quantisation {
  readonly product: number
  readonly zero: number
  /** Whether the product takes units of two columns, not four. */
  readonly widen: boolean
}

const productFor = (int8Dot: Int8Dot, bits: number): keyof typeof PRODUCTS => {
  if (int8Dot === 'none') return 'widen'
  if (int8Dot !== 'unsigned7') return 'dot'
  if (bits > 6) return 'widen'
  return bits > 4 ? 'pairOfTwo' : 'pair'
}

/** How `dtype` is multiplied where the dot product takes `int8Dot`. */
export const quantisation = (dtype: WeightType, int8Dot: Int8Dot): Quantisation => {
  const { bits, zero } = values[dtype as QuantisedType] ?? { bits: 8, zero: 0 }
  const product = productFor(int8Dot, bits)
  const offset = bits === 8 && product === 'dot' && int8Dot === 'unsigned8' ? 128 : zero
  return { product: PRODUCTS[product], zero: offset, widen: product === 'widen' }
}

/** Whether weights of `dtype` are quantised in blocks. */
export const isQuantised = (dtype: WeightType): dtype is QuantisedType => dtypes[dtype].kind === 'block'

/** The number of a type in GGUF, by which the kernels know it too. */
export const typeNumber = (dtype: DType): number => dtypes[dtype].ggufId as number

/** Bytes of files that are copied in one step. */
const SLAB = 2 ** 22

/** Where a weight is packed: the kernels and the memory that they work on. */
export interface Packer {
  readonly kernels: WeightExports
  readonly memory: Memory
  readonly int8Dot: Int8Dot
}

/** Allocates a weight; {@link packRows} sets its rows. @throws SimdArgumentError @throws SimdMemoryError */
export const allocateWeight = (
  { kernels, memory }: Packer,
  dtype: WeightType,
  out: number,
  columns: number,
): Weight => {
  const name = `a ${dtype} weight [${out}, ${columns}]`
  if (!weightTypes.includes(dtype))
    throw new SimdArgumentError(`${name}: its type is not one of ${weightTypes.join(', ')}`)
  for (const size of [out, columns])
    if (!(Number.isSafeInteger(size) && size > 0 && size < 2 ** 31))
      throw new SimdArgumentError(`${name} needs sizes that are whole, positive numbers below 2^31`)
  const { blockElements } = dtypes[dtype]
  if (columns % blockElements !== 0)
    throw new SimdArgumentError(`${name} needs rows of whole blocks of ${blockElements}`)
  const bytes = Math.min(kernels.weightBytes(typeNumber(dtype), out, columns), Number.MAX_SAFE_INTEGER)
  return { dtype, out, in: columns, pointer: memory.alloc(bytes), bytes, packed: true }
}

/** Packs rows of a weight from their bytes in a file. @throws SimdArgumentError @throws SimdMemoryError */
export const packRows = (packer: Packer, weight: Weight, first: number, bytes: Uint8Array<ArrayBufferLike>): void => {
  const rowBytes = byteLength(weight.dtype, weight.in)
  const rows = bytes.length / rowBytes
  checkPiece(weight, first, rows)
  const slabRows = Math.min(rows, Math.max(PIECE_ROWS, Math.floor(SLAB / rowBytes / PIECE_ROWS) * PIECE_ROWS))
  const slab = packer.memory.alloc(slabRows * rowBytes)
  try {
    for (let row = 0; row < rows; row += slabRows) {
      const count = Math.min(slabRows, rows - row)
      const piece = bytes.subarray(row * rowBytes, (row + count) * rowBytes)
      packer.memory.u8(slab, piece.length).set(piece)
      packPlaced(packer, weight, first + row, slab, count)
    }
  } finally {
    packer.memory.free(slab)
  }
}

/** The same for `rows` rows whose bytes are already in the memory. @throws SimdArgumentError */
export const packRowsAt = (packer: Packer, weight: Weight, first: number, pointer: number, rows: number): void => {
  checkPiece(weight, first, rows)
  packPlaced(packer, weight, first, pointer, rows)
}

const packPlaced = ({ kernels, int8Dot }: Packer, weight: Weight, first: number, pointer: number, rows: number) => {
  const { dtype, out, in: columns } = weight
  const { zero, widen } = quantisation(dtype, int8Dot)
  const type = typeNumber(dtype)
  if (kernels.packRows(pointer, weight.pointer, type, out, columns, first, rows, zero, widen)) return
  const what = isQuantised(dtype) ? 'a scale that is infinite or NaN' : 'infinities or NaN'
  throw new SimdArgumentError(
    `a ${dtype} weight [${out}, ${columns}] holds ${what}, in rows ${first} to ${first + rows - 1}`,
  )
}

const checkPiece = ({ dtype, out, in: columns, packed }: Weight, first: number, rows: number): void => {
  const reject = (problem: string): never => {
    throw new SimdArgumentError(`a ${dtype} weight [${out}, ${columns}] ${problem}`)
  }
  if (!packed) reject('has its rows in place and is not packed')
  if (!(Number.isSafeInteger(rows) && rows > 0)) reject(`is packed by whole rows, not ${rows}`)
  if (!(Number.isSafeInteger(first) && first >= 0 && first + rows <= out))
    reject(`has no rows ${first} to ${first + rows - 1}`)
  if (first % PIECE_ROWS !== 0 || (rows % PIECE_ROWS !== 0 && first + rows !== out))
    reject(`is packed in pieces of a multiple of ${PIECE_ROWS} rows, not rows ${first} to ${first + rows - 1}`)
}

/** Copies a whole weight into the memory. @throws SimdArgumentError @throws SimdMemoryError */
export const packWeight = (packer: Packer, { dtype, out, in: columns, data }: WeightData): Weight => {
  const weight = allocateWeight(packer, dtype, out, columns)
  try {
    const expected = byteLength(dtype, columns) * out
    if (data.byteLength !== expected)
      throw new SimdArgumentError(
        `a ${dtype} weight [${out}, ${columns}] needs ${expected} bytes, found ${data.byteLength}`,
      )
    packRows(packer, weight, 0, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    return weight
  } catch (error) {
    packer.memory.free(weight.pointer)
    throw error
  }
}
