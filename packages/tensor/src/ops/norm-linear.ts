import { applyOne } from '../apply'
import type { Op } from '../op'
import type { Tensor } from '../tensor'
import { linear, linearOp } from './linear'
import type { NormAttributes } from './norm-gated-linear'
import { rmsNorm, rmsNormOp } from './rms-norm'

/** A composite op: devices without an implementation of the whole run `rmsNorm`, then `linear`. */
export const normLinearOp: Op<NormAttributes> = {
  name: 'normLinear',
  infer: ([x, norm, weight], attributes) =>
    linearOp.infer([...rmsNormOp.infer([x, norm], attributes), weight], undefined),
  compose: ([x, norm, weight], { eps }) => {
    using normal = rmsNorm(x, norm, eps)
    return [linear(normal, weight)]
  },
  reference: ([x, norm, weight], attributes) => {
    const [data] = rmsNormOp.reference([x, norm], attributes)
    return linearOp.reference([{ shape: x.shape, data }, weight], undefined)
  },
  cost: ([x, norm, weight], attributes) => {
    const { flops, bytes } = linearOp.cost([x, weight], undefined)
    return { flops: flops + rmsNormOp.cost([x, norm], attributes).flops, bytes }
  },
}

/**
 * `rmsNorm(x, norm) · weightᵀ`.
 * @param x f32 [..., in]
 * @param norm f32 [in], the weight of the norm
 * @param weight [out, in], of any type that the device reads weights in
 * @returns f32 [..., out]
 * @throws ShapeError
 */
export const normLinear = (x: Tensor, norm: Tensor, weight: Tensor, eps: number): Tensor =>
  applyOne(normLinearOp, [x, norm, weight], { eps })
