import { addBias, linear, type Tensor } from '@cria/tensor'
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

  /** @param x [..., in] @returns [..., out] @throws ShapeError */
  forward(x: Tensor): Tensor {
    const y = linear(x, this.weight.tensor)
    if (!this.bias) return y
    using product = y
    return addBias(product, this.bias.tensor)
  }
}
