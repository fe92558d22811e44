import { gelu, normGatedLinear, relu, siluMul, type Tensor } from '@cria/tensor'
import { Linear, type LinearOptions } from './linear'
import { Module } from './module'
import type { RmsNorm } from './norm'

/**
 * Width of the SwiGLU feed-forward (LLaMA, section 2.2): two thirds of 4·dim, times `ffn_dim_multiplier` if given, rounded
 * up to a multiple of `multiple_of`. 4096 → 11008 with multiple_of 256; 8192 → 28672 with 4096 and 1.3.
 */
export const swiGluWidth = (dim: number, multiple_of: number, ffn_dim_multiplier = 1): number =>
  multiple_of * Math.ceil(Math.trunc(ffn_dim_multiplier * Math.trunc((8 * dim) / 3)) / multiple_of)

/** The norm before a part of a block, and the residual after it. A device may compute them in the same step as the part's products. */
export interface BlockStep {
  /** The norm before. */
  readonly norm?: RmsNorm | undefined
  /** f32 [..., dim], added to the result. */
  readonly residual?: Tensor | undefined
}

/** The gated feed-forward of LLaMA (Shazeer 2020, equation 6): `w2(silu(w1 x) ⊙ w3 x)`. */
export class SwiGlu extends Module {
  readonly w1: Linear
  readonly w2: Linear
  readonly w3: Linear

  constructor(dim: number, hidden: number, options: LinearOptions = {}) {
    super()
    this.w1 = new Linear(dim, hidden, options)
    this.w2 = new Linear(hidden, dim, options)
    this.w3 = new Linear(dim, hidden, options)
  }

  /** @param x [..., dim] @returns [..., dim] @throws ShapeError */
  forward(x: Tensor, { norm, residual }: BlockStep = {}): Tensor {
    using gated = this.#gated(x, norm)
    return this.w2.forward(gated, residual)
  }

  #gated(x: Tensor, norm: RmsNorm | undefined): Tensor {
    const { w1, w3 } = this
    const [weight, gate, up] = [norm?.plainWeight, w1.plainWeight, w3.plainWeight]
    if (norm && weight && gate && up) return normGatedLinear(x, weight, gate, up, norm.eps)
    using scope = x.device.scope()
    const normal = norm ? norm.forward(x) : x
    return scope.keep(siluMul(w1.forward(normal), w3.forward(normal)))
  }
}

/** The plain feed-forward that SwiGLU replaced (Vaswani et al. 2017, section 3.3): `w2(activation(w1 x))`. */
export class FeedForward extends Module {
  readonly w1: Linear
  readonly w2: Linear

  constructor(
    dim: number,
    hidden: number,
    readonly activation: 'gelu' | 'relu' = 'gelu',
  ) {
    super()
    this.w1 = new Linear(dim, hidden)
    this.w2 = new Linear(hidden, dim)
  }

  /** @param x [..., dim] @returns [..., dim] @throws ShapeError */
  forward(x: Tensor): Tensor {
    using hidden = this.w1.forward(x)
    using active = this.activation === 'gelu' ? gelu(hidden) : relu(hidden)
    return this.w2.forward(active)
  }
}
