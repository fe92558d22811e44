import { apply, applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Dispatch, Op, Operand, Values } from '../op'
import { asMatrix, format, sizeOf } from '../shape'
import { expectFloats, type Spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'

const mean = kernel('layerNormMean', [2, 'integer'], function (x, size) {
  let sum = 0
  for (let d = 0; d < size; d++) {
    sum += x[this.thread.x][d]
  }
  return sum / size
})

const inverseDeviation = kernel('inverseDeviation', [2, 1, 'integer', 'float'], function (x, center, size, eps) {
  let sum = 0
  for (let d = 0; d < size; d++) {
    const distance = x[this.thread.x][d] - center[this.thread.x]
    sum += distance * distance
  }
  return 1 / Math.sqrt(sum / size + eps)
})

const normalise = kernel('layerNorm', [2, 1, 1, 1, 1], function (x, weight, bias, center, inverse) {
  const distance = x[this.thread.y][this.thread.x] - center[this.thread.y]
  return distance * inverse[this.thread.y] * weight[this.thread.x] + bias[this.thread.x]
})

const gradientMeans = kernel('layerNormGradientMeans', [1, 2, 'integer'], function (weight, dy, size) {
  let sum = 0
  for (let d = 0; d < size; d++) {
    sum += weight[d] * dy[this.thread.x][d]
  }
  return sum / size
})

const projections = kernel(
  'layerNormProjections',
  [2, 1, 2, 1, 1, 'integer'],
  function (x, weight, dy, center, inverse, size) {
    let sum = 0
    for (let d = 0; d < size; d++) {
      sum += (x[this.thread.x][d] - center[this.thread.x]) * weight[d] * dy[this.thread.x][d]
    }
    return (sum * inverse[this.thread.x]) / size
  },
)

const inputGradient = kernel(
  'layerNormInput',
  [2, 1, 2, 1, 1, 1, 1],
  function (x, weight, dy, center, inverse, means, projection) {
    const normal = (x[this.thread.y][this.thread.x] - center[this.thread.y]) * inverse[this.thread.y]
    const direct = weight[this.thread.x] * dy[this.thread.y][this.thread.x]
    return inverse[this.thread.y] * (direct - means[this.thread.y] - normal * projection[this.thread.y])
  },
)

const weightGradient = kernel('layerNormWeight', [2, 2, 1, 1, 'integer'], function (x, dy, center, inverse, rows) {
  let sum = 0
  for (let row = 0; row < rows; row++) {
    sum += (x[row][this.thread.x] - center[row]) * inverse[row] * dy[row][this.thread.x]
  }
  return sum
})

const biasGradient = kernel('layerNormBias', [2, 'integer'], function (dy, rows) {
  let sum = 0
  for (let row = 0; row < rows; row++) {
    sum += dy[row][this.thread.x]
  }
  return sum
})

const check = (op: string, x: Spec, vectors: Readonly<Record<string, Spec>>): void => {
  expectFloats(op, [x, ...Object.values(vectors)])
  const { columns } = asMatrix(x.shape)
  for (const [name, { shape }] of Object.entries(vectors))
    if (shape.length !== 1 || shape[0] !== columns)
      throw new ShapeError(op, `x ${format(x.shape)} needs a ${name} [${columns}], found ${format(shape)}`)
}

const statistics = (dispatch: Dispatch, x: Operand, eps: number) => {
  const { rows, columns } = asMatrix(x.shape)
  const matrix = x.as(columns, rows)
  const center = dispatch(mean, [rows], [matrix, columns]).as(rows)
  const inverse = dispatch(inverseDeviation, [rows], [matrix, center, columns, eps]).as(rows)
  return { rows, columns, matrix, center, inverse }
}

const referenceStatistics = (x: Values, eps: number) => {
  const { rows, columns } = asMatrix(x.shape)
  return Array.from({ length: rows }, (_, row) => {
    const values = Array.from({ length: columns }, (_, d) => x.data[row * columns + d])
    const center = values.reduce((sum, value) => sum + value, 0) / columns
    const variance = values.reduce((sum, value) => sum + (value - center) ** 2, 0) / columns
    const inverse = 1 / Math.sqrt(variance + eps)
    return { normal: values.map(value => (value - center) * inverse), inverse }
  })
}

/** Gradients of `layerNorm` by x, by the weight and by the bias. */
export const layerNormBackwardOp: Op<{ eps: number }> = {
  name: 'layerNormBackward',
  infer: ([x, weight, dy]) => {
    check('layerNormBackward', x, { weight })
    if (format(dy.shape) !== format(x.shape))
      throw new ShapeError('layerNormBackward', `dy ${format(dy.shape)} is not of the shape of x ${format(x.shape)}`)
    return [x, weight, weight]
  },
  run: (dispatch, [x, weight, dy], { eps }) => {
    const { rows, columns, matrix, center, inverse } = statistics(dispatch, x, eps)
    const [scales, gradient] = [weight.as(columns), dy.as(columns, rows)]
    const means = dispatch(gradientMeans, [rows], [scales, gradient, columns]).as(rows)
    const projection = dispatch(projections, [rows], [matrix, scales, gradient, center, inverse, columns]).as(rows)
    return [
      dispatch(inputGradient, [columns, rows], [matrix, scales, gradient, center, inverse, means, projection]),
      dispatch(weightGradient, [columns], [matrix, gradient, center, inverse, rows]),
      dispatch(biasGradient, [columns], [gradient, rows]),
    ]
  },
  reference: ([x, weight, dy], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    const dx = new Float64Array(rows * columns)
    const dweight = new Float64Array(columns)
    const dbias = new Float64Array(columns)
    for (const [row, { normal, inverse }] of referenceStatistics(x, eps).entries()) {
      const direct = normal.map((_, d) => weight.data[d] * dy.data[row * columns + d])
      const average = direct.reduce((sum, value) => sum + value, 0) / columns
      const projection = direct.reduce((sum, value, d) => sum + value * normal[d], 0) / columns
      for (let d = 0; d < columns; d++) {
        dx[row * columns + d] = inverse * (direct[d] - average - normal[d] * projection)
        dweight[d] += normal[d] * dy.data[row * columns + d]
        dbias[d] += dy.data[row * columns + d]
      }
    }
    return [dx, dweight, dbias]
  },
  cost: ([x]) => ({ flops: 18 * sizeOf(x.shape), bytes: totalBytes(x, x, x) }),
}

export const layerNormOp: Op<{ eps: number }> = {
  name: 'layerNorm',
  infer: ([x, weight, bias]) => {
    check('layerNorm', x, { weight, bias })
    return [x]
  },
  run: (dispatch, [x, weight, bias], { eps }) => {
    const { rows, columns, matrix, center, inverse } = statistics(dispatch, x, eps)
    return [dispatch(normalise, [columns, rows], [matrix, weight.as(columns), bias.as(columns), center, inverse])]
  },
  reference: ([x, weight, bias], { eps }) => {
    const rows = referenceStatistics(x, eps)
    return [
      Float64Array.from(rows.flatMap(({ normal }) => normal.map((value, d) => value * weight.data[d] + bias.data[d]))),
    ]
  },
  cost: ([x]) => ({ flops: 8 * sizeOf(x.shape), bytes: totalBytes(x, x) }),
  gradient: {
    inputs: [0, 1],
    of: ({ inputs: [x, weight], attributes }, [dy]) => apply(layerNormBackwardOp, [x, weight, dy], attributes),
  },
}

/**
 * Layer normalisation (Ba et al. 2016, equation 4), which RMSNorm replaced: centred, scaled by the deviation, with a bias.
 * @param x [..., dim]
 * @param weight [dim]
 * @param bias [dim]
 * @throws ShapeError
 */
export const layerNorm = (x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor =>
  applyOne(layerNormOp, [x, weight, bias], { eps })
