import { SimdArgumentError } from './errors'
import type { Kernels } from './kernels'
import type { Memory } from './memory'
import type { Int8Dot } from './probe'

/** f32 and f16 are row-major; q8_0 and q4_0 are GGUF's blocks of 32 with an f16 scale, 34 and 18 bytes each. */
export type WeightType = 'f32' | 'f16' | 'q8_0' | 'q4_0'

/** A weight matrix [out, in] in an engine's memory, as its kernels read it. */
export interface Weight {
  readonly dtype: WeightType
  readonly out: number
  readonly in: number
  readonly pointer: number
  readonly bytes: number
  /** Whether its f16 numbers are kept 2^10 times as large, so that none is subnormal. */
  readonly raised?: boolean
}

/** A weight as it comes: f32 numbers, f16 bit patterns, or the bytes of GGUF blocks, [out, in] row-major. */
export interface WeightData {
  readonly dtype: WeightType
  readonly out: number
  readonly in: number
  readonly data: Float32Array | Uint16Array | Uint8Array
}

/** Products of quantised values, by the numbers that assembly/integer.ts gives them. */
const PRODUCTS = { widen: 0, dot: 1, pair: 2 } as const

/** How the values of a quantised weight are stored: bits each, what is added to them, and for which product. */
export interface Quantisation {
  readonly bits: 4 | 8
  readonly zero: number
  readonly product: number
  /** Whether the product takes units of two columns, not four. */
  readonly widen: boolean
}

const BLOCK = 32
const BLOCK_BYTES = { q8_0: 34, q4_0: 18 }
/** Bytes of GGUF blocks that are copied in at a time. */
const SLAB = 2 ** 22

/** How `dtype` is stored where the dot product takes `int8Dot`. */
export const quantisation = (dtype: 'q8_0' | 'q4_0', int8Dot: Int8Dot): Quantisation => {
  const fourBits = dtype === 'q4_0'
  const product = {
    none: 'widen',
    unsigned7: fourBits ? 'pair' : 'widen',
    signed8: 'dot',
    unsigned8: 'dot',
  }[int8Dot] as keyof typeof PRODUCTS
  const zero = fourBits ? 8 : product === 'dot' && int8Dot === 'unsigned8' ? 128 : 0
  return { bits: fourBits ? 4 : 8, zero, product: PRODUCTS[product], widen: product === 'widen' }
}

/** What kernels multiply f16 bits by, once these are shifted into an f32: the difference of the biases, 2^112, or 2^10 less. */
export const f16Factor = ({ raised }: Weight): number => 2 ** (raised ? 102 : 112)

/** f16 numbers below this can be raised by 2^10 and stay finite. */
const RAISABLE = 0x5400
const INFINITE = 0x7c00

/** Copies a weight into the memory. @throws SimdArgumentError @throws SimdMemoryError */
export const packWeight = (kernels: Kernels, memory: Memory, int8Dot: Int8Dot, weight: WeightData): Weight => {
  check(weight)
  const { dtype, out, in: columns, data } = weight
  const size = { dtype, out, in: columns }
  if (dtype === 'q8_0' || dtype === 'q4_0') return { ...size, ...packBlocks(kernels, memory, int8Dot, weight) }
  const bytes = data.byteLength
  const pointer = memory.alloc(bytes)
  if (dtype === 'f32') {
    memory.f32(pointer, data.length).set(data)
    return { ...size, pointer, bytes }
  }
  memory.u16(pointer, data.length).set(data)
  const greatest = kernels.greatestHalf(pointer, data.length)
  if (greatest >= INFINITE) {
    memory.free(pointer)
    throw new SimdArgumentError(`an f16 weight [${out}, ${columns}] holds infinities or NaN`)
  }
  const raised = greatest < RAISABLE
  if (raised) kernels.raiseHalves(pointer, data.length)
  return { ...size, pointer, bytes, raised }
}

const packBlocks = (kernels: Kernels, memory: Memory, int8Dot: Int8Dot, weight: WeightData) => {
  const { out, in: columns } = weight
  const dtype = weight.dtype as keyof typeof BLOCK_BYTES
  const data = weight.data as Uint8Array
  const { bits, zero, widen } = quantisation(dtype, int8Dot)
  const greatest = greatestScale(data, BLOCK_BYTES[dtype])
  if (greatest >= INFINITE)
    throw new SimdArgumentError(`a ${dtype} weight [${out}, ${columns}] holds a scale that is infinite or NaN`)
  const raised = greatest < RAISABLE
  const rowBytes = (columns / BLOCK) * BLOCK_BYTES[dtype]
  const bytes = Math.ceil(out / 8) * 8 * rowBytes
  const slabRows = Math.min(out, Math.max(8, Math.floor(SLAB / rowBytes / 8) * 8))
  const slab = memory.alloc(slabRows * rowBytes)
  try {
    const pointer = memory.alloc(bytes)
    for (let row = 0; row < out; row += slabRows) {
      const rows = Math.min(slabRows, out - row)
      memory.u8(slab, rows * rowBytes).set(data.subarray(row * rowBytes, (row + rows) * rowBytes))
      const flip = zero === 128 ? 0x80 : 0
      kernels.pack(slab, pointer + row * rowBytes, rows, columns, bits, flip, widen, raised)
    }
    return { pointer, bytes, raised }
  } finally {
    memory.free(slab)
  }
}

/** The greatest magnitude of the scales, as f16 bits. */
const greatestScale = (data: Uint8Array, blockBytes: number): number => {
  let greatest = 0
  for (let i = 0; i < data.length; i += blockBytes) greatest = Math.max(greatest, data[i] | ((data[i + 1] & 0x7f) << 8))
  return greatest
}

const check = ({ dtype, out, in: columns, data }: WeightData): void => {
  const reject = (problem: string): never => {
    throw new SimdArgumentError(`a ${dtype} weight [${out}, ${columns}] ${problem}`)
  }
  if (!(Number.isSafeInteger(out) && out > 0 && Number.isSafeInteger(columns) && columns > 0))
    reject('needs whole, positive sizes')
  const quantised = dtype === 'q8_0' || dtype === 'q4_0'
  if (quantised && columns % BLOCK !== 0) reject('needs rows of whole blocks of 32')
  const expected = out * (quantised ? (columns / BLOCK) * BLOCK_BYTES[dtype] : columns)
  const Expected = dtype === 'f32' ? Float32Array : dtype === 'f16' ? Uint16Array : Uint8Array
  if (!(data instanceof Expected)) reject(`is given as a ${Expected.name}, not a ${(data as object).constructor.name}`)
  if (data.length !== expected) reject(`needs ${expected} entries, found ${data.length}`)
}
