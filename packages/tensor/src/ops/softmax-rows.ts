import { kernel } from '../kernel'
import type { Dispatch, Operand, Values, View } from '../op'
import { asMatrix } from '../shape'

// What softmax and cross-entropy share: the maximum of each row, and the sum of its exponentials.

const maximum = kernel('rowMaximum', [2, 'integer'], function (x, size) {
  let max = x[this.thread.x][0]
  for (let d = 1; d < size; d++) {
    max = Math.max(max, x[this.thread.x][d])
  }
  return max
})

const exponentials = kernel('rowExponentials', [2, 1, 'integer'], function (x, max, size) {
  let sum = 0
  for (let d = 0; d < size; d++) {
    sum += Math.exp(x[this.thread.x][d] - max[this.thread.x])
  }
  return sum
})

/** Of each row over the last axis: its maximum, and Σ exp(x - maximum). */
export const dispatchSoftmaxSums = (dispatch: Dispatch, x: Operand): { max: View; sum: View } => {
  const { rows, columns } = asMatrix(x.shape)
  const matrix = x.as(columns, rows)
  const max = dispatch(maximum, [rows], [matrix, columns]).as(rows)
  const sum = dispatch(exponentials, [rows], [matrix, max, columns]).as(rows)
  return { max, sum }
}

/** A row's softmax in float64, and the logarithm of its Σ exp(x). */
export const referenceRow = (x: Values, row: number): { shares: number[]; logSum: number } => {
  const { columns } = asMatrix(x.shape)
  const values = Array.from({ length: columns }, (_, d) => x.data[row * columns + d])
  const max = values.reduce((a, b) => Math.max(a, b))
  const sum = values.reduce((total, value) => total + Math.exp(value - max), 0)
  return { shares: values.map(value => Math.exp(value - max) / sum), logSum: max + Math.log(sum) }
}
