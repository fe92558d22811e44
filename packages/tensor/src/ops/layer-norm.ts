import { ShapeError } from '../errors'
import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { asMatrix, format, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

const mean = kernel('mean', { x: 2, size: 'integer' }, function (this: Thread, x: number[][], size: number) {
  let sum = 0
  for (let d = 0; d < size; d++) {
    sum += x[this.thread.x][d]
  }
  return sum / size
})

const inverseDeviation = kernel(
  'inverseDeviation',
  { x: 2, center: 1, size: 'integer', eps: 'float' },
  function (this: Thread, x: number[][], center: number[], size: number, eps: number) {
    let sum = 0
    for (let d = 0; d < size; d++) {
      const distance = x[this.thread.x][d] - center[this.thread.x]
      sum += distance * distance
    }
    return 1 / Math.sqrt(sum / size + eps)
  },
)

const normalise = kernel(
  'layerNorm',
  { x: 2, weight: 1, bias: 1, center: 1, inverse: 1 },
  function (this: Thread, x: number[][], weight: number[], bias: number[], center: number[], inverse: number[]) {
    const distance = x[this.thread.y][this.thread.x] - center[this.thread.y]
    return distance * inverse[this.thread.y] * weight[this.thread.x] + bias[this.thread.x]
  },
)

export const layerNormOp: Op<{ eps: number }> = {
  name: 'layerNorm',
  shape: ([x, weight, bias]) => {
    const { columns } = asMatrix(x)
    for (const [name, shape] of [
      ['weight', weight],
      ['bias', bias],
    ] as const)
      if (shape.length !== 1 || shape[0] !== columns)
        throw new ShapeError('layerNorm', `x ${format(x)} needs a ${name} [${columns}], found ${format(shape)}`)
    return x
  },
  run: (dispatch, [x, weight, bias], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    const matrix = x.as(columns, rows)
    const center = dispatch(mean, [rows], { x: matrix, size: columns }).as(rows)
    const inverse = dispatch(inverseDeviation, [rows], { x: matrix, center, size: columns, eps }).as(rows)
    return dispatch(normalise, [columns, rows], {
      x: matrix,
      weight: weight.as(columns),
      bias: bias.as(columns),
      center,
      inverse,
    })
  },
  reference: ([x, weight, bias], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    const y = new Float64Array(rows * columns)
    for (let row = 0; row < rows; row++) {
      const values = Array.from({ length: columns }, (_, d) => x.data[row * columns + d])
      const center = values.reduce((sum, value) => sum + value, 0) / columns
      const variance = values.reduce((sum, value) => sum + (value - center) ** 2, 0) / columns
      values.forEach((value, d) => {
        y[row * columns + d] = ((value - center) / Math.sqrt(variance + eps)) * weight.data[d] + bias.data[d]
      })
    }
    return y
  },
  cost: ([x]) => ({ flops: 8 * sizeOf(x), bytes: 8 * sizeOf(x) }),
}

/**
 * Layer normalisation (Ba et al. 2016, equation 4), which RMSNorm replaced: centred, scaled by the deviation, with a bias.
 * @param x [..., dim]
 * @param weight [dim]
 * @param bias [dim]
 * @throws ShapeError
 */
export const layerNorm = (x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor =>
  apply(layerNormOp, [x, weight, bias], { eps })
