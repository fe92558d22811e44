import { applyOne } from '../apply'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { asMatrix, sizeOf } from '../shape'
import { totalBytes } from '../spec'
import type { Tensor } from '../tensor'
import { oneShape } from './elementwise'

const multiply = kernel('scale', [2, 'float'], function (x, factor) {
  return x[this.thread.y][this.thread.x] * factor
})

export const scaleOp: Op<{ factor: number }> = {
  name: 'scale',
  infer: ([x]) => [oneShape('scale', [x])],
  run: (dispatch, [x], { factor }) => {
    const { rows, columns } = asMatrix(x.shape)
    return [dispatch(multiply, [columns, rows], [x.as(columns, rows), factor])]
  },
  reference: ([x], { factor }) => [Float64Array.from(x.data, value => value * factor)],
  cost: ([x]) => ({ flops: sizeOf(x.shape), bytes: totalBytes(x, x) }),
  gradient: { inputs: [], of: ({ attributes: { factor } }, [dy]) => [scale(dy, factor)] },
}

/** Every element times one number. */
export const scale = (x: Tensor, factor: number): Tensor => applyOne(scaleOp, [x], { factor })
