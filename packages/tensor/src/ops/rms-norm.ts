import { ShapeError } from '../errors'
import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { asMatrix, format, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

const inverseRms = kernel(
  'inverseRms',
  { x: 2, size: 'integer', eps: 'float' },
  function (this: Thread, x: number[][], size: number, eps: number) {
    let sum = 0
    for (let d = 0; d < size; d++) {
      sum += x[this.thread.x][d] * x[this.thread.x][d]
    }
    return 1 / Math.sqrt(sum / size + eps)
  },
)

const normalise = kernel(
  'rmsNorm',
  { x: 2, weight: 1, inverse: 1 },
  function (this: Thread, x: number[][], weight: number[], inverse: number[]) {
    return x[this.thread.y][this.thread.x] * inverse[this.thread.y] * weight[this.thread.x]
  },
)

export const rmsNormOp: Op<{ eps: number }> = {
  name: 'rmsNorm',
  shape: ([x, weight]) => {
    const { columns } = asMatrix(x)
    if (weight.length !== 1 || weight[0] !== columns)
      throw new ShapeError('rmsNorm', `x ${format(x)} needs a weight [${columns}], found ${format(weight)}`)
    return x
  },
  run: (dispatch, [x, weight], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    const inverse = dispatch(inverseRms, [rows], { x: x.as(columns, rows), size: columns, eps })
    return dispatch(normalise, [columns, rows], {
      x: x.as(columns, rows),
      weight: weight.as(columns),
      inverse: inverse.as(rows),
    })
  },
  reference: ([x, weight], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    const y = new Float64Array(rows * columns)
    for (let row = 0; row < rows; row++) {
      let sum = 0
      for (let d = 0; d < columns; d++) sum += x.data[row * columns + d] ** 2
      const inverse = 1 / Math.sqrt(sum / columns + eps)
      for (let d = 0; d < columns; d++) y[row * columns + d] = x.data[row * columns + d] * inverse * weight.data[d]
    }
    return y
  },
  cost: ([x]) => ({ flops: 4 * sizeOf(x), bytes: 8 * sizeOf(x) }),
}

/**
 * Root-mean-square normalisation (Zhang & Sennrich 2019, equation 4): `x / sqrt(mean(x²) + eps) · weight`.
 * @param x [..., dim]
 * @param weight [dim]
 * @throws ShapeError
 */
export const rmsNorm = (x: Tensor, weight: Tensor, eps: number): Tensor => apply(rmsNormOp, [x, weight], { eps })
