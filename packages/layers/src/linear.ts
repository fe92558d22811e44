import { add, addBias, linear, linearAdd, type Tensor } from '@cria/tensor'
import { Module, Parameter } from './module'

export interface LinearOptions {
  /** Whether a bias is added; LLaMA has none. */
  readonly bias?: boolean
}

/** `x · weightᵀ`, plus a bias if there is one. */
export class Linear extends Module {
  /** [out, in] */
  readonly weight: Parameter
  /** [out] */
  readonly bias: Parameter | undefined

  constructor(inFeatures: number, outFeatures: number, { bias = false }: LinearOptions = {}) {
    super()
    this.weight = new Parameter([outFeatures, inFeatures])
    this.bias = bias ? new Parameter([outFeatures], 'zeros') : undefined
  }

  /** @param x [..., in] @param residual [..., out], added to the result @returns [..., out] @throws ShapeError */
  forward(x: Tensor, residual?: Tensor): Tensor {
    if (residual && !this.bias) return linearAdd(x, this.weight.tensor, residual)
    const y = linear(x, this.weight.tensor)
    if (!this.bias) return y
    using product = y
    const biased = addBias(product, this.bias.tensor)
    if (!residual) return biased
    using sum = biased
    return add(residual, sum)
  }
}
