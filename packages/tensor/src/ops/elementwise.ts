import { ShapeError } from '../errors'
import type { Kernel } from '../kernel'
import type { Op } from '../op'
import { asMatrix, format, type Shape, sameShape, sizeOf } from '../shape'

type Unary = Kernel<{ readonly x: 2 }>
type Binary = Kernel<{ readonly a: 2; readonly b: 2 }>

/** An op of one input, element by element. `flops` is what one element costs. */
export const unary = (compute: Unary, reference: (x: number) => number, flops: number): Op => ({
  name: compute.name,
  shape: ([x]) => x,
  run: (dispatch, [x]) => {
    const { rows, columns } = asMatrix(x.shape)
    return dispatch(compute, [columns, rows], { x: x.as(columns, rows) })
  },
  reference: ([x]) => Float64Array.from(x.data, reference),
  cost: ([x]) => ({ flops: flops * sizeOf(x), bytes: 8 * sizeOf(x) }),
})

/** An op of two inputs of one shape, element by element. `flops` is what one element costs. */
export const binary = (compute: Binary, reference: (a: number, b: number) => number, flops: number): Op => ({
  name: compute.name,
  shape: ([a, b]: readonly Shape[]) => {
    if (!sameShape(a, b)) throw new ShapeError(compute.name, `shapes differ: ${format(a)} and ${format(b)}`)
    return a
  },
  run: (dispatch, [a, b]) => {
    const { rows, columns } = asMatrix(a.shape)
    return dispatch(compute, [columns, rows], { a: a.as(columns, rows), b: b.as(columns, rows) })
  },
  reference: ([a, b]) => Float64Array.from(a.data, (value, i) => reference(value, b.data[i])),
  cost: ([a]) => ({ flops: flops * sizeOf(a), bytes: 12 * sizeOf(a) }),
})
