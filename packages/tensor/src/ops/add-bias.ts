import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { asMatrix, format, sizeOf } from '../shape'
import { expectFloats, spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'

const columnSums = kernel('sumRows', [2, 'integer'], function (x, rows) {
  let sum = 0
  for (let row = 0; row < rows; row++) {
    sum += x[row][this.thread.x]
  }
  return sum
})

const addRow = kernel('addBias', [2, 1], function (x, bias) {
  return x[this.thread.y][this.thread.x] + bias[this.thread.x]
})

/** The sum of all rows: the gradient of a bias. */
export const sumRowsOp: Op<undefined> = {
  name: 'sumRows',
  infer: ([x]) => {
    expectFloats('sumRows', [x])
    return [spec([asMatrix(x.shape).columns])]
  },
  run: (dispatch, [x]) => {
    const { rows, columns } = asMatrix(x.shape)
    return [dispatch(columnSums, [columns], [x.as(columns, rows), rows])]
  },
  reference: ([x]) => {
    const { rows, columns } = asMatrix(x.shape)
    const y = new Float64Array(columns)
    for (let i = 0; i < rows * columns; i++) y[i % columns] += x.data[i]
    return [y]
  },
  cost: ([x]) => ({ flops: sizeOf(x.shape), bytes: totalBytes(x) }),
}

export const addBiasOp: Op<undefined> = {
  name: 'addBias',
  infer: ([x, bias]) => {
    expectFloats('addBias', [x, bias])
    const { columns } = asMatrix(x.shape)
    if (bias.shape.length !== 1 || bias.shape[0] !== columns)
      throw new ShapeError('addBias', `x ${format(x.shape)} needs a bias [${columns}], found ${format(bias.shape)}`)
    return [x]
  },
  run: (dispatch, [x, bias]) => {
    const { rows, columns } = asMatrix(x.shape)
    return [dispatch(addRow, [columns, rows], [x.as(columns, rows), bias.as(columns)])]
  },
  reference: ([x, bias]) => [Float64Array.from(x.data, (value, i) => value + bias.data[i % bias.data.length])],
  cost: ([x, bias]) => ({ flops: sizeOf(x.shape), bytes: totalBytes(x, x, bias) }),
  gradient: {
    inputs: [],
    of: ({ wants }, [dy]) => [dy, wants(1) ? applyOne(sumRowsOp, [dy], undefined) : undefined],
  },
}

/** A bias added to each row. @param x f32 [..., dim] @param bias f32 [dim] @throws ShapeError */
export const addBias = (x: Tensor, bias: Tensor): Tensor => applyOne(addBiasOp, [x, bias], undefined)
