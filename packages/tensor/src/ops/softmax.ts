import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { asMatrix, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

const maximum = kernel('rowMaximum', { x: 2, size: 'integer' }, function (this: Thread, x: number[][], size: number) {
  let max = x[this.thread.x][0]
  for (let d = 1; d < size; d++) {
    max = Math.max(max, x[this.thread.x][d])
  }
  return max
})

const exponentials = kernel(
  'rowExponentials',
  { x: 2, max: 1, size: 'integer' },
  function (this: Thread, x: number[][], max: number[], size: number) {
    let sum = 0
    for (let d = 0; d < size; d++) {
      sum += Math.exp(x[this.thread.x][d] - max[this.thread.x])
    }
    return sum
  },
)

const share = kernel(
  'softmax',
  { x: 2, max: 1, sum: 1 },
  function (this: Thread, x: number[][], max: number[], sum: number[]) {
    return Math.exp(x[this.thread.y][this.thread.x] - max[this.thread.y]) / sum[this.thread.y]
  },
)

export const softmaxOp: Op = {
  name: 'softmax',
  shape: ([x]) => x,
  run: (dispatch, [x]) => {
    const { rows, columns } = asMatrix(x.shape)
    const matrix = x.as(columns, rows)
    const max = dispatch(maximum, [rows], { x: matrix, size: columns }).as(rows)
    const sum = dispatch(exponentials, [rows], { x: matrix, max, size: columns }).as(rows)
    return dispatch(share, [columns, rows], { x: matrix, max, sum })
  },
  reference: ([x]) => {
    const { rows, columns } = asMatrix(x.shape)
    const y = new Float64Array(rows * columns)
    for (let row = 0; row < rows; row++) {
      const values = Array.from({ length: columns }, (_, d) => x.data[row * columns + d])
      const max = values.reduce((a, b) => Math.max(a, b))
      const sum = values.reduce((total, value) => total + Math.exp(value - max), 0)
      values.forEach((value, d) => {
        y[row * columns + d] = Math.exp(value - max) / sum
      })
    }
    return y
  },
  cost: ([x]) => ({ flops: 5 * sizeOf(x), bytes: 8 * sizeOf(x) }),
}

/** `exp(x) / Σ exp(x)` over the last axis, computed from the row's maximum so that nothing overflows. */
export const softmax = (x: Tensor): Tensor => apply(softmaxOp, [x], undefined)
