import { ShapeError } from '../errors'
import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { asMatrix, format, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

const dotRows = kernel(
  'linear',
  { x: 2, weight: 2, size: 'integer' },
  function (this: Thread, x: number[][], weight: number[][], size: number) {
    let sum = 0
    for (let d = 0; d < size; d++) {
      sum += x[this.thread.y][d] * weight[this.thread.x][d]
    }
    return sum
  },
)

export const linearOp: Op = {
  name: 'linear',
  weight: 1,
  shape: ([x, weight]) => {
    const { columns } = asMatrix(x)
    if (weight.length !== 2 || weight[1] !== columns)
      throw new ShapeError('linear', `x ${format(x)} needs a weight [out, ${columns}], found ${format(weight)}`)
    return [...x.slice(0, -1), weight[0]]
  },
  run: (dispatch, [x, weight]) => {
    const { rows, columns } = asMatrix(x.shape)
    const [out] = weight.shape
    return dispatch(dotRows, [out, rows], { x: x.as(columns, rows), weight: weight.as(columns, out), size: columns })
  },
  reference: ([x, weight]) => {
    const { rows, columns } = asMatrix(x.shape)
    const [out] = weight.shape
    const y = new Float64Array(rows * out)
    for (let row = 0; row < rows; row++)
      for (let n = 0; n < out; n++) {
        let sum = 0
        for (let d = 0; d < columns; d++) sum += x.data[row * columns + d] * weight.data[n * columns + d]
        y[row * out + n] = sum
      }
    return y
  },
  cost: ([x, weight]) => ({
    flops: 2 * asMatrix(x).rows * sizeOf(weight),
    bytes: 4 * (sizeOf(x) + sizeOf(weight) + asMatrix(x).rows * weight[0]),
  }),
}

/**
 * `x · weightᵀ`: a linear layer without bias. The weight may be quantised where the device reads it.
 * @param x [..., in]
 * @param weight [out, in]
 * @returns [..., out]
 * @throws ShapeError
 */
export const linear = (x: Tensor, weight: Tensor): Tensor => apply(linearOp, [x, weight], undefined)
