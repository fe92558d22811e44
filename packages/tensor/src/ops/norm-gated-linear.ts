import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import type { Op } from '../op'
import { format, sameShape } from '../shape'
import type { Tensor } from '../tensor'
import { linear, linearOp } from './linear'
import { rmsNorm, rmsNormOp } from './rms-norm'
import { siluMul, siluMulOp } from './silu-mul'

export interface NormAttributes {
  /** Added to the mean square. */
  readonly eps: number
}

/** A composite op: devices without an implementation of the whole run `rmsNorm`, `linear` twice and `siluMul`. */
export const normGatedLinearOp: Op<NormAttributes> = {
  name: 'normGatedLinear',
  infer: ([x, norm, gate, up], attributes) => {
    const [normal] = rmsNormOp.infer([x, norm], attributes)
    const [y] = linearOp.infer([normal, gate], undefined)
    if (!sameShape(gate.shape, up.shape))
      throw new ShapeError(
        'normGatedLinear',
        `needs weights of one shape, found ${format(gate.shape)} and ${format(up.shape)}`,
      )
    return [y]
  },
  compose: ([x, norm, gate, up], { eps }) => {
    using normal = rmsNorm(x, norm, eps)
    using a = linear(normal, gate)
    using b = linear(normal, up)
    return [siluMul(a, b)]
  },
  reference: ([x, norm, gate, up], attributes) => {
    const [data] = rmsNormOp.reference([x, norm], attributes)
    const products = [gate, up].map(weight => {
      const [product] = linearOp.reference([{ shape: x.shape, data }, weight], undefined)
      return { shape: [...x.shape.slice(0, -1), weight.shape[0]], data: product }
    })
    return siluMulOp.reference(products, undefined)
  },
  cost: ([x, norm, gate, up], attributes) => {
    const [y] = linearOp.infer([x, gate], undefined)
    const parts = [
      linearOp.cost([x, gate], undefined),
      linearOp.cost([x, up], undefined),
      siluMulOp.cost([y, y], undefined),
      rmsNormOp.cost([x, norm], attributes),
    ]
    return { flops: parts.reduce((sum, { flops }) => sum + flops, 0), bytes: parts[0].bytes + parts[1].bytes }
  },
}

/**
 * The gate of SwiGLU (Shazeer 2020) behind its norm: with n = `rmsNorm(x, norm)`, `silu(n · gateᵀ) ⊙ n · upᵀ`.
 * @param x f32 [..., in]
 * @param norm f32 [in], the weight of the norm
 * @param gate [hidden, in], of any type that the device reads weights in
 * @param up as gate
 * @returns f32 [..., hidden]
 * @throws ShapeError
 */
export const normGatedLinear = (x: Tensor, norm: Tensor, gate: Tensor, up: Tensor, eps: number): Tensor =>
  applyOne(normGatedLinearOp, [x, norm, gate, up], { eps })
