import { Device, type Storage } from '../device'
import { ShapeError } from '../errors'
import { type Extent, type Kernel, LOOP_LIMIT } from '../kernel'
import type { Dispatch, Op, Operand, View } from '../op'
import { type Shape, sizeOf } from '../shape'
import type { Tensor } from '../tensor'

export type AnyArguments = Readonly<Record<string, View | number>>

/** The same op, done in the way that suits a device best; undefined where the kernels do this call as well. */
export type Twin = (inputs: readonly Tensor[], attributes: never, shape: Shape) => Storage | undefined

const operand = (storage: Storage, shape: Shape): Operand => ({
  storage,
  shape,
  as: (...extent: Extent): View => {
    if (sizeOf(extent) !== sizeOf(shape)) throw new RangeError(`a view [${extent}] of a shape [${shape}]`)
    return { storage, extent }
  },
})

/** What a kernel that loops is told in numbers is how far. @throws ShapeError */
const checkLoops = (op: string, { loops }: Pick<Kernel, 'loops'>, args: AnyArguments): void => {
  if (!loops) return
  for (const value of Object.values(args))
    if (typeof value === 'number' && value > LOOP_LIMIT)
      throw new ShapeError(op, `an axis of ${value} is too long for the kernels, which add up ${LOOP_LIMIT} at most`)
}

/** A device whose ops are compositions of gpu.js kernels. */
export abstract class KernelDevice extends Device {
  /** Ops that this device does better than by their kernels; tested against the same references. */
  protected readonly twins: Readonly<Record<string, Twin>> = {}

  protected abstract dispatch(kernel: Kernel, output: Extent, args: AnyArguments): Storage

  protected override compute(op: Op, inputs: readonly Tensor[], attributes: unknown, shape: Shape): Storage {
    const done = this.twins[op.name]?.(inputs, attributes as never, shape)
    if (done) return done
    const temporaries: Storage[] = []
    const dispatch: Dispatch = (kernel, output, args) => {
      checkLoops(op.name, kernel, args as AnyArguments)
      this.note(op.name, kernel.name, output)
      const storage = this.dispatch(kernel as unknown as Kernel, output, args as AnyArguments)
      temporaries.push(storage)
      return operand(storage, output.toReversed())
    }
    const operands = inputs.map(input => operand(input.storage, input.shape))
    const result = op.run(dispatch, operands, attributes).storage
    for (const storage of temporaries) if (storage !== result) this.release(storage)
    return result
  }
}
