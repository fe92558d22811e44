import { ShapeError } from '../errors'
import type { Kernel } from '../kernel'
import type { Gradient, Op } from '../op'
import { asMatrix, format, sameShape, sizeOf } from '../shape'
import { expectFloats, type Spec, totalBytes } from '../spec'

type Unary = Kernel<readonly [2]>
type Binary = Kernel<readonly [2, 2]>

/** @throws ShapeError unless all inputs are f32 of one shape */
export const oneShape = (op: string, inputs: readonly Spec[]): Spec => {
  expectFloats(op, inputs)
  const [first] = inputs
  for (const other of inputs)
    if (!sameShape(first.shape, other.shape))
      throw new ShapeError(op, `shapes differ: ${format(first.shape)} and ${format(other.shape)}`)
  return first
}

/** An op of one input, element by element. `flops` is the cost of one element. */
export const unary = (
  compute: Unary,
  reference: (x: number) => number,
  flops: number,
  gradient?: Gradient<undefined>,
): Op<undefined> => ({
  name: compute.name,
  infer: ([x]) => [oneShape(compute.name, [x])],
  run: (dispatch, [x]) => {
    const { rows, columns } = asMatrix(x.shape)
    return [dispatch(compute, [columns, rows], [x.as(columns, rows)])]
  },
  reference: ([x]) => [Float64Array.from(x.data, reference)],
  cost: ([x]) => ({ flops: flops * sizeOf(x.shape), bytes: totalBytes(x, x) }),
  ...(gradient && { gradient }),
})

/** An op of two inputs of one shape, element by element. `flops` is the cost of one element. */
export const binary = (
  compute: Binary,
  reference: (a: number, b: number) => number,
  flops: number,
  gradient?: Gradient<undefined>,
): Op<undefined> => ({
  name: compute.name,
  infer: inputs => [oneShape(compute.name, inputs)],
  run: (dispatch, [a, b]) => {
    const { rows, columns } = asMatrix(a.shape)
    return [dispatch(compute, [columns, rows], [a.as(columns, rows), b.as(columns, rows)])]
  },
  reference: ([a, b]) => [Float64Array.from(a.data, (value, i) => reference(value, b.data[i]))],
  cost: ([a]) => ({ flops: flops * sizeOf(a.shape), bytes: totalBytes(a, a, a) }),
  ...(gradient && { gradient }),
})
