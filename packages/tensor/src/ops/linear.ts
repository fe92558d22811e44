import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { asMatrix, format, sizeOf } from '../shape'
import { expectType, spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'
import { matmul } from './matmul'

const dotRows = kernel('linear', [2, 2, 'integer'], function (x, weight, size) {
  let sum = 0
  for (let d = 0; d < size; d++) {
    sum += x[this.thread.y][d] * weight[this.thread.x][d]
  }
  return sum
})

export const linearOp: Op<undefined> = {
  name: 'linear',
  infer: ([x, weight]) => {
    expectType('linear', 'x', x, 'f32')
    const { columns } = asMatrix(x.shape)
    if (weight.shape.length !== 2 || weight.shape[1] !== columns)
      throw new ShapeError(
        'linear',
        `x ${format(x.shape)} needs a weight [out, ${columns}], found ${format(weight.shape)}`,
      )
    return [spec([...x.shape.slice(0, -1), weight.shape[0]])]
  },
  run: (dispatch, [x, weight]) => {
    const { rows, columns } = asMatrix(x.shape)
    const [out] = weight.shape
    return [dispatch(dotRows, [out, rows], [x.as(columns, rows), weight.as(columns, out), columns])]
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
    return [y]
  },
  cost: ([x, weight]) => {
    const { rows } = asMatrix(x.shape)
    const y = spec([rows, weight.shape[0]])
    return { flops: 2 * rows * sizeOf(weight.shape), bytes: totalBytes(x, weight, y) }
  },
  gradient: {
    inputs: [0, 1],
    of: ({ inputs: [x, weight], specs: [shapeOfX], wants }, [dy]) => {
      const [out, columns] = weight.shape
      const rows = dy.reshape(-1, out)
      return [
        wants(0) ? matmul(rows, weight).reshape(...shapeOfX.shape) : undefined,
        wants(1) ? matmul(rows, x.reshape(-1, columns), { transposeA: true }) : undefined,
      ]
    },
  },
}

/**
 * `x · weightᵀ`: a linear layer without bias.
 * @param x f32 [..., in]
 * @param weight [out, in], of any type that the device reads weights in
 * @returns f32 [..., out]
 * @throws ShapeError
 */
export const linear = (x: Tensor, weight: Tensor): Tensor => applyOne(linearOp, [x, weight], undefined)
