import type { CacheType } from '@cria/simd-kernels'
import type { Call } from '../../op'
import { linearAddOp } from '../../ops/linear-add'
import { normGatedLinearOp } from '../../ops/norm-gated-linear'
import { normLinearOp } from '../../ops/norm-linear'
import { projectHeadsOp } from '../../ops/project-heads'
import { asMatrix } from '../../shape'
import { asWeight, type SimdInput, type SimdKernel, simd } from './simd-kernel'

// Ops that are expressions of other ops, as one call each. They run the same kernels in the same order, so results are the same bits; what
// the calls of a small model cost otherwise is saved: shapes, tensors and their memory.

/** Whether all inputs are in one memory: a weight does not move to another. */
const areTogether = ({ inputs }: Call): boolean => {
  const [{ engine }, ...others] = inputs.map(({ storage }) => storage as { readonly engine?: unknown })
  return others.every(other => other.engine === engine)
}

/** The kernels of composite ops. */
export const compositeKernels: readonly SimdKernel[] = [
  simd(
    linearAddOp,
    (engine, [out], [x, weight, residual]) => {
      const { rows } = asMatrix(x.shape)
      engine.linear(x.pointer, asWeight(weight), out, rows)
      engine.add(residual.pointer, out, out, rows * weight.shape[0])
    },
    areTogether,
  ),

  simd(
    normLinearOp,
    (engine, [out], [x, norm, weight], { eps }, _outputs, scratch) => {
      const { rows, columns } = asMatrix(x.shape)
      const normal = scratch(rows * columns)
      engine.rmsNorm(x.pointer, norm.pointer, normal, rows, columns, eps)
      engine.linear(normal, asWeight(weight), out, rows)
    },
    areTogether,
  ),

  simd(
    normGatedLinearOp,
    (engine, [out], [x, norm, gate, up], { eps }, _outputs, scratch) => {
      const { rows, columns } = asMatrix(x.shape)
      const size = rows * gate.shape[0]
      const [normal, gated] = [scratch(rows * columns), scratch(size)]
      engine.rmsNorm(x.pointer, norm.pointer, normal, rows, columns, eps)
      engine.linear(normal, asWeight(gate), gated, rows)
      engine.linear(normal, asWeight(up), out, rows)
      engine.siluMul(gated, out, out, size)
    },
    areTogether,
  ),

  simd(
    projectHeadsOp,
    (engine, [out, keys, values], inputs, { eps, headDim, pairing }, _outputs, scratch) => {
      const [x, norm, wq, wk, wv, cosines, sines, positions, keyCache, valueCache, at] = inputs
      const { rows, columns } = asMatrix(x.shape)
      const normal = scratch(rows * columns)
      const product = scratch(rows * Math.max(wq.shape[0], wk.shape[0], wv.shape[0]))
      const turned = scratch(rows * wk.shape[0])
      const turn = (to: number, width: number) => {
        const size = { rows, heads: width / headDim, headDim, pairing, inverse: false }
        engine.rope(product, cosines.pointer, sines.pointer, positions.pointer, to, size)
      }
      const write = (to: number, { dtype }: SimdInput, source: number, width: number) =>
        engine.writeRows(to, source, at.pointer, { tokens: rows, width, dtype: dtype as CacheType })
      engine.rmsNorm(x.pointer, norm.pointer, normal, rows, columns, eps)
      engine.linear(normal, asWeight(wq), product, rows)
      turn(out, wq.shape[0])
      engine.linear(normal, asWeight(wk), product, rows)
      turn(turned, wk.shape[0])
      write(keys, keyCache, turned, wk.shape[0])
      engine.linear(normal, asWeight(wv), product, rows)
      write(values, valueCache, product, wv.shape[0])
    },
    areTogether,
  ),
]
