import { apply, applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { asMatrix, format, sizeOf } from '../shape'
import { expectFloats, type Spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'

const inverseRms = kernel('inverseRms', [2, 'integer', 'float'], function (x, size, eps) {
  let sum = 0
  for (let d = 0; d < size; d++) {
    sum += x[this.thread.x][d] * x[this.thread.x][d]
  }
  return 1 / Math.sqrt(sum / size + eps)
})

const normalise = kernel('rmsNorm', [2, 1, 1], function (x, weight, inverse) {
  return x[this.thread.y][this.thread.x] * inverse[this.thread.y] * weight[this.thread.x]
})

// The mean of x · weight · dy of each row, which every element's gradient needs.
const rowMeans = kernel('rmsNormRowMeans', [2, 1, 2, 'integer'], function (x, weight, dy, size) {
  let sum = 0
  for (let d = 0; d < size; d++) {
    sum += x[this.thread.x][d] * weight[d] * dy[this.thread.x][d]
  }
  return sum / size
})

const inputGradient = kernel('rmsNormInput', [2, 1, 2, 1, 1], function (x, weight, dy, inverse, means) {
  const scale = inverse[this.thread.y]
  const direct = weight[this.thread.x] * dy[this.thread.y][this.thread.x]
  return scale * (direct - x[this.thread.y][this.thread.x] * means[this.thread.y] * scale * scale)
})

const weightGradient = kernel('rmsNormWeight', [2, 2, 1, 'integer'], function (x, dy, inverse, rows) {
  let sum = 0
  for (let row = 0; row < rows; row++) {
    sum += x[row][this.thread.x] * inverse[row] * dy[row][this.thread.x]
  }
  return sum
})

const check = (op: string, x: Spec, weight: Spec): void => {
  expectFloats(op, [x, weight])
  const { columns } = asMatrix(x.shape)
  if (weight.shape.length !== 1 || weight.shape[0] !== columns)
    throw new ShapeError(op, `x ${format(x.shape)} needs a weight [${columns}], found ${format(weight.shape)}`)
}

const inverses = (x: ArrayLike<number>, rows: number, columns: number, eps: number): number[] =>
  Array.from({ length: rows }, (_, row) => {
    let sum = 0
    for (let d = 0; d < columns; d++) sum += x[row * columns + d] ** 2
    return 1 / Math.sqrt(sum / columns + eps)
  })

/** Gradients of `rmsNorm` by x and by the weight. */
export const rmsNormBackwardOp: Op<{ eps: number }> = {
  name: 'rmsNormBackward',
  infer: ([x, weight, dy]) => {
    check('rmsNormBackward', x, weight)
    if (format(dy.shape) !== format(x.shape))
      throw new ShapeError('rmsNormBackward', `dy ${format(dy.shape)} is not of the shape of x ${format(x.shape)}`)
    return [x, weight]
  },
  run: (dispatch, [x, weight, dy], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    const [matrix, gradient] = [x.as(columns, rows), dy.as(columns, rows)]
    const inverse = dispatch(inverseRms, [rows], [matrix, columns, eps]).as(rows)
    const means = dispatch(rowMeans, [rows], [matrix, weight.as(columns), gradient, columns]).as(rows)
    return [
      dispatch(inputGradient, [columns, rows], [matrix, weight.as(columns), gradient, inverse, means]),
      dispatch(weightGradient, [columns], [matrix, gradient, inverse, rows]),
    ]
  },
  reference: ([x, weight, dy], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    const dx = new Float64Array(rows * columns)
    const dweight = new Float64Array(columns)
    for (const [row, inverse] of inverses(x.data, rows, columns, eps).entries()) {
      let projection = 0
      for (let d = 0; d < columns; d++) {
        const at = row * columns + d
        projection += x.data[at] * weight.data[d] * dy.data[at]
        dweight[d] += x.data[at] * inverse * dy.data[at]
      }
      for (let d = 0; d < columns; d++) {
        const at = row * columns + d
        dx[at] = inverse * weight.data[d] * dy.data[at] - (x.data[at] * projection * inverse ** 3) / columns
      }
    }
    return [dx, dweight]
  },
  cost: ([x]) => ({ flops: 11 * sizeOf(x.shape), bytes: totalBytes(x, x, x) }),
}

export const rmsNormOp: Op<{ eps: number }> = {
  name: 'rmsNorm',
  infer: ([x, weight]) => {
    check('rmsNorm', x, weight)
    return [x]
  },
  run: (dispatch, [x, weight], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    const matrix = x.as(columns, rows)
    const inverse = dispatch(inverseRms, [rows], [matrix, columns, eps])
    return [dispatch(normalise, [columns, rows], [matrix, weight.as(columns), inverse.as(rows)])]
  },
  reference: ([x, weight], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    const y = new Float64Array(rows * columns)
    for (const [row, inverse] of inverses(x.data, rows, columns, eps).entries())
      for (let d = 0; d < columns; d++) y[row * columns + d] = x.data[row * columns + d] * inverse * weight.data[d]
    return [y]
  },
  cost: ([x]) => ({ flops: 4 * sizeOf(x.shape), bytes: totalBytes(x, x) }),
  gradient: {
    inputs: [0, 1],
    of: ({ inputs: [x, weight], attributes }, [dy]) => apply(rmsNormBackwardOp, [x, weight, dy], attributes),
  },
}

/**
 * Root-mean-square normalisation (Zhang & Sennrich 2019, equation 4): `x / sqrt(mean(x²) + eps) · weight`.
 * @param x [..., dim]
 * @param weight [dim]
 * @throws ShapeError
 */
export const rmsNorm = (x: Tensor, weight: Tensor, eps: number): Tensor => applyOne(rmsNormOp, [x, weight], { eps })
