import type { DType } from '@cria/dtypes'
import { ShapeError } from '../../errors'
import { format } from '../../shape'
import type { Spec } from '../../spec'
import { grainOf } from './weight-readers'

/** Bytes rounded up to the 16 of one load. */
const aligned = (bytes: number): number => Math.ceil(bytes / 16) * 16

/** What a part of a packed weight holds. */
export type PartKind = 'f32' | 'f16' | 'bf16' | 'bits' | 'f16 scales' | 'headers of q4_k'

/** The parts of a packed weight, in bytes. No block straddles a load of 16 bytes. */
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
