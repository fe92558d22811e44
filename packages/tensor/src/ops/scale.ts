import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { asMatrix, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

const multiply = kernel('scale', { x: 2, factor: 'float' }, function (this: Thread, x: number[][], factor: number) {
  return x[this.thread.y][this.thread.x] * factor
})

export const scaleOp: Op<{ factor: number }> = {
  name: 'scale',
  shape: ([x]) => x,
  run: (dispatch, [x], { factor }) => {
    const { rows, columns } = asMatrix(x.shape)
    return dispatch(multiply, [columns, rows], { x: x.as(columns, rows), factor })
  },
  reference: ([x], { factor }) => Float64Array.from(x.data, value => value * factor),
  cost: ([x]) => ({ flops: sizeOf(x), bytes: 8 * sizeOf(x) }),
}

/** Every element times one number. */
export const scale = (x: Tensor, factor: number): Tensor => apply(scaleOp, [x], { factor })
