import { Device, type Storage, type TensorData, TensorOperand } from '../device'
import { ShapeError } from '../errors'
import { type Extent, type Kernel, LOOP_LIMIT } from '../kernel'
import type { Call, Dispatch, Implementation, Op, View } from '../op'

export type KernelArguments = readonly (View | number)[]

/** Integers up to this are exact as floats, which gpu.js uses for them. */
const LARGEST_EXACT = 2 ** 24

/** Numeric arguments of a kernel with loops are loop bounds. @throws ShapeError if one is too large */
const checkLoops = (op: string, { loops }: Kernel, args: KernelArguments): void => {
  if (!loops) return
  for (const value of args)
    if (typeof value === 'number' && value > LOOP_LIMIT)
      throw new ShapeError(op, `an axis of ${value} is too long for the kernels, which add up ${LOOP_LIMIT} at most`)
}

/** The elements as floats for gpu.js. @throws ShapeError for integers that a float cannot represent exactly */
export const asFloats = (data: TensorData): Float32Array<ArrayBuffer> => {
  if (data instanceof Int32Array)
    for (const value of data)
      if (Math.abs(value) > LARGEST_EXACT)
        throw new ShapeError('tensor', `the integer ${value} is beyond 2^24, up to which this device is exact`)
  return Float32Array.from(data)
}

/** A device whose ops are compositions of gpu.js kernels, unless it has a better implementation. */
export abstract class KernelDevice extends Device {
  readonly #kernels: Implementation = {
    name: 'kernels',
    fits: ({ op, inputs }) => op.run !== undefined && inputs.every(({ dtype }) => dtype === 'f32' || dtype === 'i32'),
    run: call => this.#run(call),
  }

  protected abstract dispatch(kernel: Kernel, output: Extent, args: KernelArguments): Storage

  /** Implementations that are better than the kernels, best first. */
  protected betterImplementations(_op: Op): readonly Implementation[] {
    return []
  }

  protected override implementationsOf(op: Op): readonly Implementation[] {
    return [...this.betterImplementations(op), this.#kernels]
  }

  #run({ op, inputs, attributes }: Call): readonly Storage[] {
    const made = new Set<Storage>()
    const dispatch: Dispatch = (kernel, output, args) => {
      checkLoops(op.name, kernel, args as KernelArguments)
      this.note(op.name, kernel.name, output)
      const storage = this.dispatch(kernel, output, args as KernelArguments)
      made.add(storage)
      return new TensorOperand(storage, output.toReversed(), 'f32')
    }
    const run = op.run as NonNullable<typeof op.run>
    try {
      const results = run(dispatch, inputs, attributes).map(({ storage }) => storage)
      for (const result of results) made.delete(result)
      return results
    } finally {
      for (const storage of made) this.release(storage)
    }
  }
}
