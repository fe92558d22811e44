import { type DType, dtypes } from '@cria/dtypes'
import type { TensorData } from '../../device'
import { ShapeError } from '../../errors'
import { format, sizeOf } from '../../shape'
import type { Spec } from '../../spec'
import { grainOf } from './weight-readers'

/** Bytes rounded up to the 16 of one load. */
const aligned = (bytes: number): number => Math.ceil(bytes / 16) * 16

/** Where the parts of `blocks` super-blocks or blocks begin in the packed bytes. */
const layout = (...parts: readonly number[]): { readonly starts: readonly number[]; readonly bytes: number } => {
  const starts: number[] = []
  let bytes = 0
  for (const part of parts) {
    starts.push(bytes)
    bytes += aligned(part)
  }
  return { starts, bytes }
}

/** q8_0 and q4_0: the values of all blocks, then their f16 scales. */
const packScaled = (bytes: Uint8Array, blocks: number, blockBytes: number): Uint8Array<ArrayBuffer> => {
  const valueBytes = blockBytes - 2
  const { starts, bytes: size } = layout(blocks * valueBytes, 2 * blocks)
  const packed = new Uint8Array(size)
  let scale = starts[1]
  for (let block = 0, from = 0, to = 0; block < blocks; block++) {
    packed[scale++] = bytes[from++]
    packed[scale++] = bytes[from++]
    for (const end = from + valueBytes; from < end; ) packed[to++] = bytes[from++]
  }
  return packed
}

/**
 * q4_k: each block of 32 as in q4_0, elements 0 to 15 in the low halves of its bytes; then the 16 bytes of each super-block's
 * scales as they are. GGUF keeps two blocks in the halves of the same 32 bytes.
 */
const packQ4K = (bytes: Uint8Array, supers: number): Uint8Array<ArrayBuffer> => {
  const { starts, bytes: size } = layout(128 * supers, 16 * supers)
  const packed = new Uint8Array(size)
  for (let s = 0; s < supers; s++) {
    const from = 144 * s
    packed.set(bytes.subarray(from, from + 16), starts[1] + 16 * s)
    for (let pair = 0; pair < 4; pair++) {
      const source = from + 16 + 32 * pair
      const target = 128 * s + 32 * pair
      for (let i = 0; i < 16; i++) {
        const [early, late] = [bytes[source + i], bytes[source + 16 + i]]
        packed[target + i] = (early & 15) | ((late & 15) << 4)
        packed[target + 16 + i] = (early >> 4) | (late & 240)
      }
    }
  }
  return packed
}

/** q6_k: the low 4 bits of each block as in q4_0, the high 2 bits with four quads in a word, the 8-bit scales, the f16 scales. */
const packQ6K = (bytes: Uint8Array, supers: number): Uint8Array<ArrayBuffer> => {
  const { starts, bytes: size } = layout(128 * supers, 64 * supers, 16 * supers, 2 * supers)
  const [, high, scales, wholes] = starts
  const packed = new Uint8Array(size)
  for (let s = 0; s < supers; s++) {
    const from = 210 * s
    packed.set(bytes.subarray(from + 192, from + 208), scales + 16 * s)
    packed.set(bytes.subarray(from + 208, from + 210), wholes + 2 * s)
    for (let e = 0; e < 256; e++) {
      // Of each 128 elements: quarter 0 and 2 share 32 bytes of low bits, 1 and 3 the next 32; all four share 32 of high bits.
      const [half, quarter, i] = [e >> 7, (e >> 5) & 3, e & 31]
      const low = (bytes[from + 64 * half + 32 * (quarter & 1) + i] >> (quarter < 2 ? 0 : 4)) & 15
      const top = (bytes[from + 128 + 32 * half + i] >> (2 * quarter)) & 3
      const block = 8 * s + (e >> 5)
      packed[16 * block + (i & 15)] |= i < 16 ? low : low << 4
      packed[high + 8 * block + (i < 16 ? 0 : 4) + (i & 3)] |= top << (2 * ((i >> 2) & 3))
    }
  }
  return packed
}

/** What a part of a packed weight holds. */
export type PartKind = 'f32' | 'f16' | 'bf16' | 'bits' | 'f16 scales' | 'headers of q4_k'

/** The parts of a packed weight, in bytes. */
export const partsOf = (dtype: DType, elements: number): readonly (readonly [kind: PartKind, bytes: number])[] => {
  if (dtype === 'f32') return [[dtype, 4 * elements]]
  if (dtype === 'f16' || dtype === 'bf16') return [[dtype, 2 * elements]]
  const parts: readonly (readonly [PartKind, number])[] = {
    q8_0: [
      ['bits', elements],
      ['f16 scales', elements / 16],
    ] as const,
    q4_0: [
      ['bits', elements / 2],
      ['f16 scales', elements / 16],
    ] as const,
    q4_k: [
      ['bits', elements / 2],
      ['headers of q4_k', elements / 16],
    ] as const,
    q6_k: [
      ['bits', elements / 2],
      ['bits', elements / 4],
      ['bits', elements / 16],
      ['f16 scales', elements / 128],
    ] as const,
  }[dtype as 'q8_0' | 'q4_0' | 'q4_k' | 'q6_k']
  return parts.map(([kind, bytes]) => [kind, aligned(bytes)])
}

/** Bytes that a weight takes on the GPU. */
export const packedBytes = (dtype: DType, elements: number): number =>
  partsOf(dtype, elements).reduce((sum, [, bytes]) => sum + bytes, 0)

/** Rows of a weight that one binding of `limit` bytes holds: all, or a multiple of 8. Only matrices are divided. */
export const rowsPerBinding = ({ dtype, shape }: Spec, limit: number): number => {
  const [rows, columns] = shape
  if (shape.length !== 2 || dtype === 'i32' || packedBytes(dtype, rows * columns) <= limit) return rows
  let most = 8 * Math.floor(limit / packedBytes(dtype, 8 * columns))
  while (most > 8 && packedBytes(dtype, most * columns) > limit) most -= 8
  return Math.max(most, 8)
}

/** @throws ShapeError for rows that are not whole quads or blocks */
export const checkWeight = ({ dtype, shape }: Spec): void => {
  const grain = grainOf(dtype)
  const columns = shape[shape.length - 1]
  if (columns % grain !== 0)
    throw new ShapeError(
      'tensor',
      `device "webgpu" reads ${dtype} in rows of a multiple of ${grain}, found ${format(shape)}`,
    )
}

/** The bytes of a weight, or of some of its rows, as the shaders read them: no block straddles a load of 16 bytes. */
export const packWeight = (data: TensorData, { dtype, shape }: Spec): Uint8Array<ArrayBuffer> => {
  if (dtype === 'f16' || dtype === 'bf16') {
    const words = Uint16Array.from(data)
    return new Uint8Array(words.buffer)
  }
  const bytes = data as Uint8Array
  const { blockElements, blockBytes } = dtypes[dtype]
  const blocks = sizeOf(shape) / blockElements
  if (dtype === 'q4_k') return packQ4K(bytes, blocks)
  if (dtype === 'q6_k') return packQ6K(bytes, blocks)
  return packScaled(bytes, blocks, blockBytes)
}
