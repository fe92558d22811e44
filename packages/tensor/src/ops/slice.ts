import { ShapeError } from '../errors'
import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { around, format, type Shape, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

const copy = kernel('slice', { x: 3, start: 'integer' }, function (this: Thread, x: number[][][], start: number) {
  return x[this.thread.z][this.thread.y + start][this.thread.x]
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

export const sliceOp: Op<SliceAttributes> = {
  name: 'slice',
  shape: ([x], attributes) => x.with(extents(x, attributes).axis, attributes.length),
  run: (dispatch, [x], attributes) => {
    const { outer, size, inner } = extents(x.shape, attributes)
    return dispatch(copy, [inner, attributes.length, outer], { x: x.as(inner, size, outer), start: attributes.start })
  },
  reference: ([x], attributes) => {
    const { outer, size, inner } = extents(x.shape, attributes)
    const { start, length } = attributes
    const y = new Float64Array(outer * length * inner)
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < length * inner; i++) y[o * length * inner + i] = x.data[(o * size + start) * inner + i]
    return y
  },
  cost: ([x], attributes) => ({ flops: 0, bytes: (8 * sizeOf(x) * attributes.length) / extents(x, attributes).size }),
}

/** `length` entries of one axis, from `start` on. A negative axis counts from the end. @throws ShapeError */
export const slice = (x: Tensor, attributes: SliceAttributes): Tensor => apply(sliceOp, [x], attributes)
