import type { DType } from '@cria/dtypes'
import type { SimdEngine, Weight } from '@cria/simd-kernels'
import type { Call, Op } from '../../op'
import type { Shape } from '../../shape'
import type { Spec } from '../../spec'

/** An input in the memory of an engine. */
export interface SimdInput {
  readonly pointer: number
  readonly shape: Shape
  readonly dtype: DType
  /** Of weights that are packed in the order in which the kernels read them. */
  readonly weight?: Weight | undefined
}

/** An input as a weight: packed as such when it was uploaded, or rows of f32 as of any tensor. */
export const asWeight = ({ weight, pointer, shape: [out, columns] }: SimdInput): Weight =>
  weight ?? { dtype: 'f32', pointer, bytes: 4 * out * columns, out, in: columns, packed: false }

/** How the engine runs one op. */
export interface SimdKernel<A = never> {
  readonly op: Op
  fits?(call: Call): boolean
  /** @param scratch gives memory for the given number of f32 values, which is freed when the op ends */
  run(
    engine: SimdEngine,
    out: readonly number[],
    inputs: readonly SimdInput[],
    attributes: A,
    outputs: readonly Spec[],
    scratch: (floats: number) => number,
  ): void
}

/** Declares how the engine runs an op. */
export const simd = <A>(op: Op<A>, run: SimdKernel<A>['run'], fits?: (call: Call) => boolean): SimdKernel =>
  ({ op: op as Op, run, ...(fits && { fits }) }) as SimdKernel
