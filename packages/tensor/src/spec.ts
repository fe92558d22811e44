import { byteLength, type DType } from '@cria/dtypes'
import { ShapeError } from './errors'
import { format, type Shape, sizeOf } from './shape'

/** What a tensor is, before it has memory. */
export interface Spec {
  readonly shape: Shape
  /** How its elements are stored. */
  readonly dtype: DType
}

export const spec = (shape: Shape, dtype: DType = 'f32'): Spec => ({ shape, dtype })

/** Bytes of a tensor as its type stores it. */
export const bytesOf = ({ shape, dtype }: Spec): number => byteLength(dtype, sizeOf(shape))

/** Bytes of several tensors. */
export const totalBytes = (...specs: readonly Spec[]): number => specs.reduce((sum, one) => sum + bytesOf(one), 0)

/** `[2, 3] as i32`, for messages. */
export const formatSpec = ({ shape, dtype }: Spec): string => `${format(shape)} as ${dtype}`

/** @throws ShapeError if an input is not of this type */
export const expectType = (op: string, name: string, input: Spec, dtype: DType): void => {
  if (input.dtype !== dtype) throw new ShapeError(op, `${name} must be ${dtype}, found ${formatSpec(input)}`)
}

/** @throws ShapeError unless the inputs are all f32 */
export const expectFloats = (op: string, inputs: readonly Spec[]): void => {
  for (let i = 0; i < inputs.length; i++) expectType(op, `input ${i}`, inputs[i], 'f32')
}
