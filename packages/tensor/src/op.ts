import type { Storage } from './device'
import type { Extent, Kernel, KernelParameters } from './kernel'
import type { Shape } from './shape'

/** An array that a kernel reads, seen with the given extent, fastest axis first. */
export interface View {
  readonly storage: Storage
  readonly extent: Extent
}

/** What a device holds for a tensor, as an op's `run` sees it: a shape, and views of it for kernels. */
export interface Operand {
  readonly shape: Shape
  readonly storage: Storage
  /** The same elements indexed as `[z][y][x]`. The product of the extent is that of the shape. */
  as(...extent: Extent): View
}

export type Arguments<P extends KernelParameters> = { readonly [K in keyof P]: P[K] extends number ? View : number }

/** Runs a kernel over the output's extent; on a device with a queue it only enqueues. */
export type Dispatch = <P extends KernelParameters>(kernel: Kernel<P>, output: Extent, args: Arguments<P>) => Operand

/** Work of one call: floating-point operations, and bytes that must move at least once. */
export interface Cost {
  readonly flops: number
  readonly bytes: number
}

/** Values of an input for the reference. */
export interface Values {
  readonly shape: Shape
  readonly data: ArrayLike<number>
}

/**
 * An op is one file: what shapes it takes and gives, how it runs, what it means, what it costs.
 *
 * - `run` is its definition on every device: a short composition of gpu.js kernels.
 * - `reference` is the oracle: plain loops in float64. It also runs the op on devices that have memory but no kernels.
 *
 * A device may hold a faster twin; it is tested against `reference` on the same cases.
 */
export interface Op<A = unknown> {
  readonly name: string
  /** The output takes the place of input 0, in its memory where the device can. */
  readonly inPlace?: boolean
  /** The input that may be of any type that the device reads weights in; all others are f32. */
  readonly weight?: number
  /** @throws ShapeError when the inputs do not fit. */
  shape(inputs: readonly Shape[], attributes: A): Shape
  run(dispatch: Dispatch, inputs: readonly Operand[], attributes: A): Operand
  reference(inputs: readonly Values[], attributes: A): Float64Array
  cost(inputs: readonly Shape[], attributes: A): Cost
}
