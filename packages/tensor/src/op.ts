import type { Storage } from './device'
import type { Extent, Kernel, KernelParameter } from './kernel'
import type { Shape } from './shape'
import type { Spec } from './spec'
import type { Tensor } from './tensor'

/** An array that a kernel reads, seen with the given extent, fastest axis first. */
export interface View {
  readonly storage: Storage
  readonly extent: Extent
}

/** The storage of a tensor on a device: its spec, its memory, and views of it for kernels. */
export interface Operand extends Spec {
  readonly storage: Storage
  /** The same elements indexed as `[z][y][x]`. The product of the extent is that of the shape. */
  as(...extent: Extent): View
}

export type Arguments<P extends readonly KernelParameter[]> = {
  readonly [I in keyof P]: P[I] extends number ? View : number
}

/** Runs a kernel over the output's extent. On a device with a queue it only enqueues. */
export type Dispatch = <const P extends readonly KernelParameter[]>(
  kernel: Kernel<P>,
  output: Extent,
  args: Arguments<P>,
) => Operand

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

/** One use of an op: its inputs, and the specs of its outputs. */
export interface Call<A = unknown> {
  readonly op: Op<A>
  readonly inputs: readonly Operand[]
  readonly attributes: A
  readonly outputs: readonly Spec[]
}

/**
 * One way in which a device runs an op. A device lists the implementations of an op, best first. Tests compare each with the op's
 * reference.
 */
export interface Implementation {
  readonly name: string
  fits(call: Call): boolean
  /** Gives the storage of each output; for an output in place, that of its input. */
  run(call: Call): readonly Storage[]
}

/** What the gradient of a call starts from. */
export interface GradientCall<A> {
  readonly attributes: A
  /** Inputs and outputs of the call. Only those that `saves` names have values. */
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly specs: readonly Spec[]
  /** Whether the gradient of an input is needed; others may be undefined. */
  wants(input: number): boolean
}

/** The gradient of an op, in terms of other ops. */
export interface Gradient<A> {
  /** Inputs whose values it reads. */
  readonly inputs: readonly number[]
  /** Outputs whose values it reads. */
  readonly outputs?: readonly number[]
  /** @param gradients of the loss by each output @returns gradients of the loss by each input */
  of(call: GradientCall<A>, gradients: readonly Tensor[]): readonly (Tensor | undefined)[]
}

/**
 * An op is one file: its inputs and outputs, how it runs, its definition, its cost, and its gradient.
 *
 * - `run` is its definition: a short composition of gpu.js kernels, for every device that compiles them.
 * - `compose` makes a composite op: an expression of other ops, which a device may replace by one implementation of the whole.
 * - `reference` is the oracle for tests: plain loops in float64. No device runs it.
 */
export interface Op<A = unknown> {
  readonly name: string
  /** Output i takes the memory of input `inPlace[i]`, which it changes. */
  readonly inPlace?: readonly number[]
  /** The output is input 0 in another shape: no memory moves. */
  readonly alias?: boolean
  /** Specs of the outputs. @throws ShapeError if the inputs do not fit */
  infer(inputs: readonly Spec[], attributes: A): readonly Spec[]
  run?(dispatch: Dispatch, inputs: readonly Operand[], attributes: A): readonly Operand[]
  compose?(inputs: readonly Tensor[], attributes: A): readonly Tensor[]
  /** Values of each output, row-major. */
  reference(inputs: readonly Values[], attributes: A): readonly Float64Array[]
  cost(inputs: readonly Spec[], attributes: A): Cost
  readonly gradient?: Gradient<A>
}
