import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { around, format, type Shape, sameShape, sizeOf } from '../shape'
import { expectFloats, spec } from '../spec'
import type { Tensor } from '../tensor'
import { slice } from './slice'

const join = kernel('concat', [3, 3, 'integer'], function (a, b, size) {
  if (this.thread.y < size) {
    return a[this.thread.z][this.thread.y][this.thread.x]
  }
  return b[this.thread.z][this.thread.y - size][this.thread.x]
})

const extents = (a: Shape, b: Shape, axis: number) => {
  const view = around('concat', a, axis)
  if (a.length !== b.length || !sameShape(a.with(view.axis, 1), b.with(view.axis, 1)))
    throw new ShapeError('concat', `${format(a)} and ${format(b)} differ on an axis other than ${axis}`)
  return { ...view, added: b[view.axis] }
}

export const concatOp: Op<{ axis: number }> = {
  name: 'concat',
  infer: ([a, b], { axis }) => {
    expectFloats('concat', [a, b])
    const { axis: index, size, added } = extents(a.shape, b.shape, axis)
    return [spec(a.shape.with(index, size + added))]
  },
  run: (dispatch, [a, b], { axis }) => {
    const { outer, size, inner, added } = extents(a.shape, b.shape, axis)
    const args = [a.as(inner, size, outer), b.as(inner, added, outer), size] as const
    return [dispatch(join, [inner, size + added, outer], args)]
  },
  reference: ([a, b], { axis }) => {
    const { outer, size, inner, added } = extents(a.shape, b.shape, axis)
    const y: number[] = []
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < size * inner; i++) y.push(a.data[o * size * inner + i])
      for (let i = 0; i < added * inner; i++) y.push(b.data[o * added * inner + i])
    }
    return [Float64Array.from(y)]
  },
  cost: ([a, b]) => ({ flops: 0, bytes: 8 * (sizeOf(a.shape) + sizeOf(b.shape)) }),
  gradient: {
    inputs: [],
    of: ({ specs: [a, b], attributes: { axis } }, [dy]) => {
      const { size, added } = extents(a.shape, b.shape, axis)
      return [slice(dy, { axis, start: 0, length: size }), slice(dy, { axis, start: size, length: added })]
    },
  },
}

/** Two tensors one after the other along an axis; the other axes are equal. @throws ShapeError */
export const concat = (a: Tensor, b: Tensor, axis: number): Tensor => applyOne(concatOp, [a, b], { axis })
