import { linear, type Tensor } from '@cria/tensor'
import { Module, Parameter } from './module'

/** `x · weightᵀ`, without bias, as everywhere in LLaMA. */
export class Linear extends Module {
  /** [out, in] */
  readonly weight: Parameter

  constructor(inFeatures: number, outFeatures: number) {
    super()
    this.weight = new Parameter([outFeatures, inFeatures])
  }

  /** @param x [..., in] @returns [..., out] @throws ShapeError */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight.tensor)
  }
}
