import { apply, applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { asMatrix, format, sizeOf } from '../shape'
import { expectFloats, spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'
import { oneShape } from './elementwise'
import { addUp, chunksOf } from './sum'

const firstMoment = kernel('adamwFirst', [2, 2, 1, 'float'], function (m, g, factor, beta) {
  return beta * m[this.thread.y][this.thread.x] + (1 - beta) * factor[0] * g[this.thread.y][this.thread.x]
})

const secondMoment = kernel('adamwSecond', [2, 2, 1, 'float'], function (v, g, factor, beta) {
  const gradient = factor[0] * g[this.thread.y][this.thread.x]
  return beta * v[this.thread.y][this.thread.x] + (1 - beta) * gradient * gradient
})

const step = kernel(
  'adamw',
  [2, 2, 2, 'float', 'float', 'float', 'float', 'float'],
  function (parameter, m, v, rate, decay, correction1, correction2, eps) {
    const first = m[this.thread.y][this.thread.x] / correction1
    const second = v[this.thread.y][this.thread.x] / correction2
    return parameter[this.thread.y][this.thread.x] * (1 - rate * decay) - (rate * first) / (Math.sqrt(second) + eps)
  },
)

export interface AdamWAttributes {
  /** Learning rate of this step. */
  readonly lr: number
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  /** Decoupled: the parameter itself shrinks by lr · weightDecay. */
  readonly weightDecay: number
  /** Number of this step, from 1. */
  readonly step: number
}

/** Inputs: parameter, m, v, gradient, factor [1]; the first three change in place. */
export const adamwOp: Op<AdamWAttributes> = {
  name: 'adamw',
  inPlace: [0, 1, 2],
  infer: ([parameter, m, v, gradient, factor], { step }) => {
    oneShape('adamw', [parameter, m, v, gradient])
    expectFloats('adamw', [factor])
    if (sizeOf(factor.shape) !== 1) throw new ShapeError('adamw', `needs one factor, found ${format(factor.shape)}`)
    if (!Number.isInteger(step) || step < 1) throw new ShapeError('adamw', `steps count from 1, found ${step}`)
    return [parameter, m, v]
  },
  run: (dispatch, [parameter, m, v, gradient, factor], { lr, beta1, beta2, eps, weightDecay, step: count }) => {
    const { rows, columns } = asMatrix(parameter.shape)
    const [p, m0, v0, g] = [parameter, m, v, gradient].map(x => x.as(columns, rows))
    const clip = factor.as(1)
    const m1 = dispatch(firstMoment, [columns, rows], [m0, g, clip, beta1])
    const v1 = dispatch(secondMoment, [columns, rows], [v0, g, clip, beta2])
    const corrections = [1 - beta1 ** count, 1 - beta2 ** count] as const
    const moments = [m1.as(columns, rows), v1.as(columns, rows)] as const
    return [dispatch(step, [columns, rows], [p, ...moments, lr, weightDecay, ...corrections, eps]), m1, v1]
  },
  reference: ([parameter, m, v, gradient, factor], { lr, beta1, beta2, eps, weightDecay, step: count }) => {
    const g = Array.from(gradient.data, value => value * factor.data[0])
    const m1 = Float64Array.from(g, (value, i) => beta1 * m.data[i] + (1 - beta1) * value)
    const v1 = Float64Array.from(g, (value, i) => beta2 * v.data[i] + (1 - beta2) * value * value)
    const next = Float64Array.from(g, (_, i) => {
      const update = m1[i] / (1 - beta1 ** count) / (Math.sqrt(v1[i] / (1 - beta2 ** count)) + eps)
      return parameter.data[i] - lr * weightDecay * parameter.data[i] - lr * update
    })
    return [next, m1, v1]
  },
  cost: ([parameter]) => ({ flops: 16 * sizeOf(parameter.shape), bytes: 7 * totalBytes(parameter) }),
}

/**
 * One step of AdamW (Loshchilov & Hutter 2019, algorithm 2) on one tensor: `parameter`, `m` and `v` change in place.
 * @param state.m first moment, of the parameter's shape; zeros before the first step
 * @param state.v second moment, likewise
 * @param factor f32 [1]: what the gradient is multiplied with, as clipping by the global norm asks for
 * @throws ShapeError
 */
export const adamw = (
  state: { readonly parameter: Tensor; readonly m: Tensor; readonly v: Tensor },
  gradient: Tensor,
  factor: Tensor,
  attributes: AdamWAttributes,
): void => {
  apply(adamwOp, [state.parameter, state.m, state.v, gradient, factor], attributes)
}

const squares = kernel('sumSquares', [1, 'integer', 'integer', 'integer'], function (x, chunk, last, rest) {
  let sum = 0
  for (let i = 0; i < chunk; i++) {
    if (this.thread.x < last || i < rest) {
      sum += x[this.thread.x * chunk + i] * x[this.thread.x * chunk + i]
    }
  }
  return sum
})

const addNumbers = kernel('sumTwo', [1, 1], function (a, b) {
  return a[this.thread.x] + b[this.thread.x]
})

const root = kernel('squareRoot', [1], function (x) {
  return Math.sqrt(x[this.thread.x])
})

const CHUNK = 1024

export const globalNormOp: Op<undefined> = {
  name: 'globalNorm',
  infer: inputs => {
    expectFloats('globalNorm', inputs)
    return [spec([1])]
  },
  run: (dispatch, inputs) => {
    const sums = inputs.map(input => {
      const size = sizeOf(input.shape)
      const { chunks, ends } = chunksOf(size, CHUNK)
      const sums = dispatch(squares, [chunks], [input.as(size), ...ends])
      return chunks === 1 ? sums : addUp(dispatch, sums.as(chunks), chunks)
    })
    const total = sums.reduce((a, b) => dispatch(addNumbers, [1], [a.as(1), b.as(1)]))
    return [dispatch(root, [1], [total.as(1)])]
  },
  reference: inputs => {
    let sum = 0
    for (const { data } of inputs) for (let i = 0; i < data.length; i++) sum += data[i] ** 2
    return [Float64Array.of(Math.sqrt(sum))]
  },
  cost: inputs => ({
    flops: inputs.reduce((sum, { shape }) => sum + 2 * sizeOf(shape), 0),
    bytes: totalBytes(...inputs),
  }),
}

/** The Euclidean norm of all elements of all tensors together. @returns f32 [1] */
export const globalNorm = (tensors: readonly Tensor[]): Tensor => applyOne(globalNormOp, tensors, undefined)

const clip = kernel('clipFactor', [1, 'float'], function (norm, limit) {
  let factor = 1
  if (norm[this.thread.x] > limit) {
    factor = limit / norm[this.thread.x]
  }
  return factor
})

export const clipFactorOp: Op<{ maxNorm: number }> = {
  name: 'clipFactor',
  infer: ([norm], { maxNorm }) => {
    expectFloats('clipFactor', [norm])
    if (sizeOf(norm.shape) !== 1) throw new ShapeError('clipFactor', `needs one norm, found ${format(norm.shape)}`)
    if (!(maxNorm > 0)) throw new ShapeError('clipFactor', `maxNorm must be above 0, found ${maxNorm}`)
    return [spec([1])]
  },
  run: (dispatch, [norm], { maxNorm }) => [dispatch(clip, [1], [norm.as(1), maxNorm])],
  reference: ([norm], { maxNorm }) => [Float64Array.of(norm.data[0] > maxNorm ? maxNorm / norm.data[0] : 1)],
  cost: () => ({ flops: 1, bytes: 8 }),
}

/** What gradients are multiplied with so that their global norm is at most `maxNorm`: `min(1, maxNorm / norm)`, f32 [1]. */
export const clipFactor = (norm: Tensor, maxNorm: number): Tensor => applyOne(clipFactorOp, [norm], { maxNorm })
