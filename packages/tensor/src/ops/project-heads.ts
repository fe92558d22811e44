import { apply } from '../apply'
import { ShapeError } from '../errors'
import type { Op, Values } from '../op'
import { sizeOf } from '../shape'
import type { Spec } from '../spec'
import type { Tensor } from '../tensor'
import { linear, linearOp } from './linear'
import type { NormAttributes } from './norm-gated-linear'
import { rmsNorm, rmsNormOp } from './rms-norm'
import { type RopePairing, rope, ropeOp } from './rope'
import { writeRows, writeRowsOp } from './write-rows'

// Shapes: N tokens, D dim, H heads, K kv heads, C head dim, S rows of the cache.

export interface ProjectionAttributes extends NormAttributes {
  /** C */
  readonly headDim: number
  readonly pairing: RopePairing
}

const headsOf = ({ shape }: Spec, headDim: number): number => {
  if (shape[0] % headDim !== 0)
    throw new ShapeError('projectHeads', `a weight of ${shape[0]} rows does not hold heads of ${headDim}`)
  return shape[0] / headDim
}

/** Specs of the queries, keys and values of a pass. */
const projected = (inputs: readonly Spec[], { eps, headDim }: ProjectionAttributes): readonly Spec[] => {
  const [x, norm, ...weights] = inputs
  if (x.shape.length !== 2) throw new ShapeError('projectHeads', `needs x [tokens, dim], found [${x.shape}]`)
  const [normal] = rmsNormOp.infer([x, norm], { eps })
  return weights.slice(0, 3).map(weight => {
    linearOp.infer([normal, weight], undefined)
    return { shape: [x.shape[0], headsOf(weight, headDim), headDim], dtype: 'f32' }
  })
}

/**
 * A composite op: devices without an implementation of the whole run `rmsNorm`, three of `linear`, `rope` of queries and keys,
 * and `writeRows` of keys and values.
 */
export const projectHeadsOp: Op<ProjectionAttributes> = {
  name: 'projectHeads',
  inPlace: [-1, 8, 9],
  infer: (inputs, attributes) => {
    const [, , , , , cosines, sines, positions, keys, values, rows] = inputs
    const rotation = { pairing: attributes.pairing, inverse: false }
    const [q, k, v] = projected(inputs, attributes)
    ropeOp.infer([q, cosines, sines, positions], rotation)
    ropeOp.infer([k, cosines, sines, positions], rotation)
    return [q, ...writeRowsOp.infer([keys, k, rows], undefined), ...writeRowsOp.infer([values, v, rows], undefined)]
  },
  compose: ([x, norm, wq, wk, wv, cosines, sines, positions, keys, values, rows], { eps, headDim, pairing }) => {
    using scope = x.device.scope()
    const normal = rmsNorm(x, norm, eps)
    const split = (weight: Tensor) => linear(normal, weight).reshape(-1, weight.shape[0] / headDim, headDim)
    const turn = (heads: Tensor) => rope(heads, { cosines, sines }, positions, pairing)
    const q = turn(split(wq))
    const [k, v] = [turn(split(wk)), split(wv)]
    writeRows(keys, k, rows)
    writeRows(values, v, rows)
    return [scope.keep(q), keys, values]
  },
  reference: ([x, norm, wq, wk, wv, cosines, sines, positions, keys, values, rows], { eps, headDim, pairing }) => {
    const [normal] = rmsNormOp.reference([x, norm], { eps })
    const project = (weight: Values): Values => ({
      shape: [x.shape[0], weight.shape[0] / headDim, headDim],
      data: linearOp.reference([{ shape: x.shape, data: normal }, weight], undefined)[0],
    })
    const turn = (heads: Values): Values => ({
      shape: heads.shape,
      data: ropeOp.reference([heads, cosines, sines, positions], { pairing, inverse: false })[0],
    })
    return [
      Float64Array.from(turn(project(wq)).data),
      writeRowsOp.reference([keys, turn(project(wk)), rows], undefined)[0],
      writeRowsOp.reference([values, project(wv), rows], undefined)[0],
    ]
  },
  cost: (inputs, attributes) => {
    const [x, norm, wq, wk, wv, , , , keys, , rows] = inputs
    const heads = projected(inputs, attributes)
    const products = [wq, wk, wv].map(weight => linearOp.cost([x, weight], undefined))
    const written = heads.slice(1).map(source => writeRowsOp.cost([keys, source, rows], undefined).bytes)
    const rotated = heads.slice(0, 2).reduce((sum, { shape }) => sum + 3 * sizeOf(shape), 0)
    return {
      flops: products.reduce((sum, { flops }) => sum + flops, rotated + rmsNormOp.cost([x, norm], attributes).flops),
      bytes: [...products.map(({ bytes }) => bytes), ...written].reduce((sum, bytes) => sum + bytes),
    }
  },
}

export interface HeadProjection {
  /** f32 [D], the weight of the norm before. */
  readonly norm: Tensor
  /** [H · C, D], of any type that the device reads weights in. */
  readonly wq: Tensor
  /** [K · C, D] */
  readonly wk: Tensor
  /** [K · C, D] */
  readonly wv: Tensor
  /** f32 [positions, C / 2] each. */
  readonly angles: { readonly cosines: Tensor; readonly sines: Tensor }
  /** i32 [N]: the row of the angles that each token reads. */
  readonly positions: Tensor
  /** The cache [S, K, C], f32 or a type of the device's `cacheTypes`; it changes. */
  readonly keys: Tensor
  readonly values: Tensor
  /** i32 [N]: the row of the cache where each token's key and value go. */
  readonly rows: Tensor
}

/**
 * Queries, keys and values of tokens: the norm before attention, three projections, rotary position embedding of queries and
 * keys, and what the cache holds of keys and values.
 * @param x f32 [N, D]
 * @returns queries f32 [N, H, C]
 * @throws ShapeError
 */
export const projectHeads = (x: Tensor, projection: HeadProjection, attributes: ProjectionAttributes): Tensor => {
  const { norm, wq, wk, wv, angles, positions, keys, values, rows } = projection
  const inputs = [x, norm, wq, wk, wv, angles.cosines, angles.sines, positions, keys, values, rows]
  return apply(projectHeadsOp, inputs, attributes)[0]
}
