import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { around, format, type Shape, sizeOf } from '../shape'
import { expectFloats, spec } from '../spec'
import type { Tensor } from '../tensor'

const copy = kernel('slice', [3, 'integer'], function (x, start) {
  return x[this.thread.z][this.thread.y + start][this.thread.x]
})

const surround = kernel('pad', [3, 'integer', 'integer'], function (x, start, length) {
  let value = 0
  if (this.thread.y >= start) {
    if (this.thread.y < start + length) {
      value = x[this.thread.z][this.thread.y - start][this.thread.x]
    }
  }
  return value
})

export interface SliceAttributes {
  readonly axis: number
  readonly start: number
  readonly length: number
}

const extents = (x: Shape, { axis, start, length }: SliceAttributes) => {
  const view = around('slice', x, axis)
  if (!Number.isInteger(start) || !Number.isInteger(length) || start < 0 || length < 1 || start + length > view.size)
    throw new ShapeError('slice', `${length} from ${start} on axis ${axis} is outside of ${format(x)}`)
  return view
}

/** Zeros around a tensor along one axis: the gradient of `slice`. `size` is the axis that comes out. */
export const padOp: Op<{ axis: number; start: number; size: number }> = {
  name: 'pad',
  infer: ([x], { axis, start, size }) => {
    expectFloats('pad', [x])
    const view = around('pad', x.shape, axis)
    if (!Number.isInteger(start) || !Number.isInteger(size) || start < 0 || start + view.size > size)
      throw new ShapeError('pad', `${format(x.shape)} does not fit from ${start} on into an axis of ${size}`)
    return [spec(x.shape.with(view.axis, size))]
  },
  run: (dispatch, [x], { axis, start, size }) => {
    const { outer, size: length, inner } = around('pad', x.shape, axis)
    return [dispatch(surround, [inner, size, outer], [x.as(inner, length, outer), start, length])]
  },
  reference: ([x], { axis, start, size }) => {
    const { outer, size: length, inner } = around('pad', x.shape, axis)
    const y = new Float64Array(outer * size * inner)
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < length * inner; i++) y[(o * size + start) * inner + i] = x.data[o * length * inner + i]
    return [y]
  },
  cost: ([x], { axis, size }) => {
    const { size: length } = around('pad', x.shape, axis)
    return { flops: 0, bytes: 4 * sizeOf(x.shape) * (1 + size / length) }
  },
  gradient: {
    inputs: [],
    of: ({ specs: [x], attributes: { axis, start } }, [dy]) => [
      slice(dy, { axis, start, length: around('pad', x.shape, axis).size }),
    ],
  },
}

export const sliceOp: Op<SliceAttributes> = {
  name: 'slice',
  infer: ([x], attributes) => {
    expectFloats('slice', [x])
    return [spec(x.shape.with(extents(x.shape, attributes).axis, attributes.length))]
  },
  run: (dispatch, [x], attributes) => {
    const { outer, size, inner } = extents(x.shape, attributes)
    return [dispatch(copy, [inner, attributes.length, outer], [x.as(inner, size, outer), attributes.start])]
  },
  reference: ([x], attributes) => {
    const { outer, size, inner } = extents(x.shape, attributes)
    const { start, length } = attributes
    const y = new Float64Array(outer * length * inner)
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < length * inner; i++) y[o * length * inner + i] = x.data[(o * size + start) * inner + i]
    return [y]
  },
  cost: ([x], attributes) => ({
    flops: 0,
    bytes: (8 * sizeOf(x.shape) * attributes.length) / extents(x.shape, attributes).size,
  }),
  gradient: {
    inputs: [],
    of: ({ specs: [x], attributes: { axis, start } }, [dy]) => [
      applyOne(padOp, [dy], { axis, start, size: around('slice', x.shape, axis).size }),
    ],
  },
}

/** `length` entries of one axis, from `start` on. A negative axis counts from the end. @throws ShapeError */
export const slice = (x: Tensor, attributes: SliceAttributes): Tensor => applyOne(sliceOp, [x], attributes)
