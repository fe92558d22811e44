import { ShapeError } from '../errors'
import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { around, format, type Shape, sameShape, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

const join = kernel(
  'concat',
  { a: 3, b: 3, size: 'integer' },
  function (this: Thread, a: number[][][], b: number[][][], size: number) {
    if (this.thread.y < size) {
      return a[this.thread.z][this.thread.y][this.thread.x]
    }
    return b[this.thread.z][this.thread.y - size][this.thread.x]
  },
)

const extents = (a: Shape, b: Shape, axis: number) => {
  const view = around('concat', a, axis)
  if (a.length !== b.length || !sameShape(a.with(view.axis, 1), b.with(view.axis, 1)))
    throw new ShapeError('concat', `${format(a)} and ${format(b)} differ on another axis than ${axis}`)
  return { ...view, added: b[view.axis] }
}

export const concatOp: Op<{ axis: number }> = {
  name: 'concat',
  shape: ([a, b], { axis }) => {
    const { axis: index, size, added } = extents(a, b, axis)
    return a.with(index, size + added)
  },
  run: (dispatch, [a, b], { axis }) => {
    const { outer, size, inner, added } = extents(a.shape, b.shape, axis)
    return dispatch(join, [inner, size + added, outer], {
      a: a.as(inner, size, outer),
      b: b.as(inner, added, outer),
      size,
    })
  },
  reference: ([a, b], { axis }) => {
    const { outer, size, inner, added } = extents(a.shape, b.shape, axis)
    const y: number[] = []
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < size * inner; i++) y.push(a.data[o * size * inner + i])
      for (let i = 0; i < added * inner; i++) y.push(b.data[o * added * inner + i])
    }
    return Float64Array.from(y)
  },
  cost: ([a, b]) => ({ flops: 0, bytes: 8 * (sizeOf(a) + sizeOf(b)) }),
}

/** Two tensors one after the other along an axis; the other axes are equal. @throws ShapeError */
export const concat = (a: Tensor, b: Tensor, axis: number): Tensor => apply(concatOp, [a, b], { axis })
