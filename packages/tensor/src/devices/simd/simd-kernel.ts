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

/** How the engine runs one op. */
export interface SimdKernel<A = never> {
  readonly op: Op
  fits?(call: Call): boolean
  run(
    engine: SimdEngine,
    out: readonly number[],
    inputs: readonly SimdInput[],
    attributes: A,
    outputs: readonly Spec[],
  ): void
}

/** Declares how the engine runs an op. */
export const simd = <A>(op: Op<A>, run: SimdKernel<A>['run'], fits?: (call: Call) => boolean): SimdKernel =>
  ({ op: op as Op, run, ...(fits && { fits }) }) as SimdKernel
