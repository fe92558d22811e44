import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import type { Op } from '../op'
import { format, sameShape, sizeOf } from '../shape'
import { expectType, totalBytes } from '../spec'
import type { Tensor } from '../tensor'
import { add, addOp } from './add'
import { linear, linearOp } from './linear'

/** A composite op: devices without an implementation of the whole run `linear`, then `add`. */
export const linearAddOp: Op<undefined> = {
  name: 'linearAdd',
  infer: ([x, weight, residual]) => {
    const [y] = linearOp.infer([x, weight], undefined)
    expectType('linearAdd', 'residual', residual, 'f32')
    if (!sameShape(y.shape, residual.shape))
      throw new ShapeError('linearAdd', `needs a residual ${format(y.shape)}, found ${format(residual.shape)}`)
    return [y]
  },
  compose: ([x, weight, residual]) => {
    using product = linear(x, weight)
    return [add(residual, product)]
  },
  reference: ([x, weight, residual]) => {
    const [product] = linearOp.reference([x, weight], undefined)
    return addOp.reference([residual, { shape: residual.shape, data: product }], undefined)
  },
  cost: ([x, weight, residual]) => {
    const { flops, bytes } = linearOp.cost([x, weight], undefined)
    return { flops: flops + sizeOf(residual.shape), bytes: bytes + totalBytes(residual) }
  },
}

/**
 * `residual + x · weightᵀ`: the end of a block.
 * @param x f32 [..., in]
 * @param weight [out, in], of any type that the device reads weights in
 * @param residual f32 [..., out]
 * @returns f32 [..., out]
 * @throws ShapeError
 */
export const linearAdd = (x: Tensor, weight: Tensor, residual: Tensor): Tensor =>
  applyOne(linearAddOp, [x, weight, residual], undefined)
