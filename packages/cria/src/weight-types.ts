import type { StoredDType } from '@cria/checkpoint'
import { type DType, dtypes, rowLength } from '@cria/dtypes'

/** Types that hold every value of a stored type, the smallest first. f32 always does, to its own precision. */
const wider = (stored: StoredDType): readonly DType[] => {
  // f16 is exact for these integers. For blocks it rounds far below the step of their levels.
  if (stored === 'i8_grouped' || stored === 'i8' || stored === 'u8' || stored === 'bool') return ['f16', 'f32']
  if (dtypes[stored].kind === 'block') return [stored, 'f16', 'f32']
  // bf16 and f64 have a larger range than f16, and other integers more digits.
  return stored === 'f16' || stored === 'bf16' ? [stored, 'f32'] : ['f32']
}

const fits = (dtype: DType, shape: readonly number[]) => rowLength(shape) % dtypes[dtype].blockElements === 0

/**
 * The type to hold a weight in. Vectors are f32. A matrix keeps its stored type if the device reads that, and else gets a
 * type that keeps its range and precision. If a type is wanted, it gets that, but f16 or f32 if its rows are not whole
 * blocks of it.
 * @param reads the types of weights that the device reads
 */
export const heldType = (
  { shape, dtype }: { readonly shape: readonly number[]; readonly dtype: StoredDType },
  reads: readonly DType[],
  wanted?: DType | undefined,
): DType => {
  if (shape.length < 2) return 'f32'
  const candidates: readonly DType[] = wanted === undefined ? wider(dtype) : [wanted, 'f16']
  return candidates.find(candidate => reads.includes(candidate) && fits(candidate, shape)) ?? 'f32'
}
