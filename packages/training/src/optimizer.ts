import { adamw, type Tensor } from '@cria/tensor'

/** What one step gives an optimiser for one parameter. */
export interface Update<State> {
  readonly parameter: Tensor
  /** What `init` or the last update returned. */
  readonly state: State
  /** The gradient of the loss, not clipped yet. */
  readonly gradient: Tensor
  /** f32 [1]: what clipping multiplies the gradients of this step with. */
  readonly factor: Tensor
  readonly learningRate: number
  /** From 1. */
  readonly step: number
}

/** The state of an optimiser for one parameter: tensors by name. It is saved with a run. */
export type OptimizerState = Readonly<Record<string, Tensor>>

/**
 * An optimiser: two functions without internal state. A tensor that `update` returns may be the one that it was given,
 * changed in place. A tensor that is not in the result is freed.
 */
export interface Optimizer<State extends OptimizerState = OptimizerState> {
  readonly name: string
  /** The state before the first step. */
  init(parameter: Tensor): State
  update(update: Update<State>): { readonly parameter: Tensor; readonly state: State }
}

export interface AdamWOptions {
  /** Decay of the mean of gradients; 0.9. */
  readonly beta1?: number | undefined
  /** Decay of the mean of squared gradients; 0.95. */
  readonly beta2?: number | undefined
  /** Added to the root of the mean square; 1e-8. LLaMA 2 has 1e-5. */
  readonly eps?: number | undefined
  /** How much of the learning rate is taken off each weight of a matrix in a step; 0.1. Vectors (norms) do not decay. */
  readonly weightDecay?: number | undefined
}

/** AdamW (Loshchilov and Hutter 2019) with the settings of LLaMA (section 2.3): m and v for each parameter, f32. */
export const adamW = ({
  beta1 = 0.9,
  beta2 = 0.95,
  eps = 1e-8,
  weightDecay = 0.1,
}: AdamWOptions = {}): Optimizer<{ readonly m: Tensor; readonly v: Tensor }> => ({
  name: 'adamw',
  init: ({ device, shape }) => ({ m: device.zeros(shape), v: device.zeros(shape) }),
  update({ parameter, state, gradient, factor, learningRate, step }) {
    const decay = parameter.shape.length > 1 ? weightDecay : 0
    adamw({ parameter, ...state }, gradient, factor, { lr: learningRate, beta1, beta2, eps, weightDecay: decay, step })
    return { parameter, state }
  },
})
