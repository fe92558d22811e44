import { add, addBias, linear, linearAdd, type Tensor } from '@cria/tensor'
import { Module, Parameter } from './module'

export interface LinearOptions {
  /** Whether a bias is added; LLaMA has none. */
  readonly bias?: boolean | undefined
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

  /**
   * The weight, if the layer is exactly `x · weightᵀ`, so that a device may fuse it with other ops. It is undefined for a layer with a
   * bias, and for a subclass that computes something else, such as an adapter.
   */
  get plainWeight(): Tensor | undefined {
    return this.bias || this.forward !== Linear.prototype.forward ? undefined : this.weight.tensor
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
