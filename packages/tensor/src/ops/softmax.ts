import { applyOne } from '../apply'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { asMatrix, sizeOf } from '../shape'
import { totalBytes } from '../spec'
import type { Tensor } from '../tensor'
import { oneShape } from './elementwise'
import { dispatchSoftmaxSums, referenceRow } from './softmax-rows'

const share = kernel('softmax', [2, 1, 1], function (x, max, sum) {
  return Math.exp(x[this.thread.y][this.thread.x] - max[this.thread.y]) / sum[this.thread.y]
})

const projection = kernel('softmaxProjection', [2, 2, 'integer'], function (y, dy, size) {
  let sum = 0
  for (let d = 0; d < size; d++) {
    sum += y[this.thread.x][d] * dy[this.thread.x][d]
  }
  return sum
})

const inputGradient = kernel('softmaxBackward', [2, 2, 1], function (y, dy, sums) {
  return y[this.thread.y][this.thread.x] * (dy[this.thread.y][this.thread.x] - sums[this.thread.y])
})

/** Gradient of `softmax` by its input, from its output. */
export const softmaxBackwardOp: Op<undefined> = {
  name: 'softmaxBackward',
  infer: inputs => [oneShape('softmaxBackward', inputs)],
  run: (dispatch, [y, dy]) => {
    const { rows, columns } = asMatrix(y.shape)
    const views = [y.as(columns, rows), dy.as(columns, rows)] as const
    const sums = dispatch(projection, [rows], [...views, columns]).as(rows)
    return [dispatch(inputGradient, [columns, rows], [...views, sums])]
  },
  reference: ([y, dy]) => {
    const { rows, columns } = asMatrix(y.shape)
    const dx = new Float64Array(rows * columns)
    for (let row = 0; row < rows; row++) {
      let sum = 0
      for (let d = 0; d < columns; d++) sum += y.data[row * columns + d] * dy.data[row * columns + d]
      for (let i = row * columns; i < (row + 1) * columns; i++) dx[i] = y.data[i] * (dy.data[i] - sum)
    }
    return [dx]
  },
  cost: ([y]) => ({ flops: 4 * sizeOf(y.shape), bytes: totalBytes(y, y, y) }),
}

export const softmaxOp: Op<undefined> = {
  name: 'softmax',
  infer: ([x]) => [oneShape('softmax', [x])],
  run: (dispatch, [x]) => {
    const { rows, columns } = asMatrix(x.shape)
    const { max, sum } = dispatchSoftmaxSums(dispatch, x)
    return [dispatch(share, [columns, rows], [x.as(columns, rows), max, sum])]
  },
  reference: ([x]) => {
    const { rows } = asMatrix(x.shape)
    return [Float64Array.from(Array.from({ length: rows }, (_, row) => referenceRow(x, row).shares).flat())]
  },
  cost: ([x]) => ({ flops: 5 * sizeOf(x.shape), bytes: totalBytes(x, x) }),
  gradient: {
    inputs: [],
    outputs: [0],
    of: ({ outputs: [y] }, [dy]) => [applyOne(softmaxBackwardOp, [y, dy], undefined)],
  },
}

/** `exp(x) / Σ exp(x)` over the last axis, computed from the row's maximum so that nothing overflows. */
export const softmax = (x: Tensor): Tensor => applyOne(softmaxOp, [x], undefined)
