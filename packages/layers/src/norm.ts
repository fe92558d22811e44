import { layerNorm, rmsNorm, type Tensor } from '@cria/tensor'
import { Module, Parameter } from './module'

/** Root-mean-square normalisation (Zhang & Sennrich 2019), LLaMA's: before attention, feed-forward and output. */
export class RmsNorm extends Module {
  /** [dim] */
  readonly weight: Parameter

  constructor(
    dim: number,
    readonly eps = 1e-5,
  ) {
    super()
    this.weight = new Parameter([dim], 'ones')
  }

  /** The weight, if the norm is exactly RMSNorm, so that a device may fuse it with other ops. Undefined for a subclass that computes something else. */
  get plainWeight(): Tensor | undefined {
    return this.forward === RmsNorm.prototype.forward ? this.weight.tensor : undefined
  }

  /** @param x [..., dim] @throws ShapeError */
  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight.tensor, this.eps)
  }
}

/** Layer normalisation (Ba et al. 2016), which RMSNorm replaced. */
export class LayerNorm extends Module {
  /** [dim] */
  readonly weight: Parameter
  /** [dim] */
  readonly bias: Parameter

  constructor(
    dim: number,
    readonly eps = 1e-5,
  ) {
    super()
    this.weight = new Parameter([dim], 'ones')
    this.bias = new Parameter([dim], 'zeros')
  }

  /** @param x [..., dim] @throws ShapeError */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight.tensor, this.bias.tensor, this.eps)
  }
}
