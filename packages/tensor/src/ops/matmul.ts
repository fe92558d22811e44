import { ShapeError } from '../errors'
import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { format, type Shape, sameShape, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

// Shapes: Z batch, M rows of the result, N its columns, K contraction.

const plain = kernel(
  'matmul',
  { a: 3, b: 3, size: 'integer' },
  function (this: Thread, a: number[][][], b: number[][][], size: number) {
    let sum = 0
    for (let k = 0; k < size; k++) {
      sum += a[this.thread.z][this.thread.y][k] * b[this.thread.z][k][this.thread.x]
    }
    return sum
  },
)

const transposedA = kernel(
  'matmulTransposedA',
  { a: 3, b: 3, size: 'integer' },
  function (this: Thread, a: number[][][], b: number[][][], size: number) {
    let sum = 0
    for (let k = 0; k < size; k++) {
      sum += a[this.thread.z][k][this.thread.y] * b[this.thread.z][k][this.thread.x]
    }
    return sum
  },
)

const transposedB = kernel(
  'matmulTransposedB',
  { a: 3, b: 3, size: 'integer' },
  function (this: Thread, a: number[][][], b: number[][][], size: number) {
    let sum = 0
    for (let k = 0; k < size; k++) {
      sum += a[this.thread.z][this.thread.y][k] * b[this.thread.z][this.thread.x][k]
    }
    return sum
  },
)

const transposedBoth = kernel(
  'matmulTransposedBoth',
  { a: 3, b: 3, size: 'integer' },
  function (this: Thread, a: number[][][], b: number[][][], size: number) {
    let sum = 0
    for (let k = 0; k < size; k++) {
      sum += a[this.thread.z][k][this.thread.y] * b[this.thread.z][this.thread.x][k]
    }
    return sum
  },
)

export interface MatmulAttributes {
  readonly transposeA: boolean
  readonly transposeB: boolean
}

const extents = (a: Shape, b: Shape, { transposeA, transposeB }: MatmulAttributes) => {
  const [aRows, aColumns] = a.slice(-2)
  const [bRows, bColumns] = b.slice(-2)
  const batch = a.slice(0, -2)
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns]
  const [kb, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns]
  if (a.length < 2 || k !== kb || !sameShape(batch, b.slice(0, -2)))
    throw new ShapeError(
      'matmul',
      `${format(a)}${transposeA ? 'ᵀ' : ''} · ${format(b)}${transposeB ? 'ᵀ' : ''} do not fit: the batch axes must be equal, and so must the contracted ones`,
    )
  return { batch, z: sizeOf(batch), m, n, k }
}

export const matmulOp: Op<MatmulAttributes> = {
  name: 'matmul',
  shape: ([a, b], attributes) => {
    const { batch, m, n } = extents(a, b, attributes)
    return [...batch, m, n]
  },
  run: (dispatch, [a, b], attributes) => {
    const { z, m, n, k } = extents(a.shape, b.shape, attributes)
    const { transposeA, transposeB } = attributes
    const compute = transposeA ? (transposeB ? transposedBoth : transposedA) : transposeB ? transposedB : plain
    return dispatch(compute, [n, m, z], {
      a: transposeA ? a.as(m, k, z) : a.as(k, m, z),
      b: transposeB ? b.as(k, n, z) : b.as(n, k, z),
      size: k,
    })
  },
  reference: ([a, b], attributes) => {
    const { z, m, n, k } = extents(a.shape, b.shape, attributes)
    const { transposeA, transposeB } = attributes
    const y = new Float64Array(z * m * n)
    for (let batch = 0; batch < z; batch++)
      for (let row = 0; row < m; row++)
        for (let column = 0; column < n; column++) {
          let sum = 0
          for (let i = 0; i < k; i++)
            sum +=
              a.data[batch * m * k + (transposeA ? i * m + row : row * k + i)] *
              b.data[batch * k * n + (transposeB ? column * k + i : i * n + column)]
          y[(batch * m + row) * n + column] = sum
        }
    return y
  },
  cost: ([a, b], attributes) => {
    const { z, m, n, k } = extents(a, b, attributes)
    return { flops: 2 * z * m * n * k, bytes: 4 * z * (m * k + k * n + m * n) }
  },
}

/**
 * Matrix product over the last two axes, batch by batch; either factor may be taken transposed.
 * @param a [..., M, K], or [..., K, M] with `transposeA`
 * @param b [..., K, N], or [..., N, K] with `transposeB`
 * @returns [..., M, N]
 * @throws ShapeError
 */
export const matmul = (a: Tensor, b: Tensor, { transposeA = false, transposeB = false } = {}): Tensor =>
  apply(matmulOp, [a, b], { transposeA, transposeB })
