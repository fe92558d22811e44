import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { format, type Shape, sameShape, sizeOf } from '../shape'
import { expectFloats, spec } from '../spec'
import type { Tensor } from '../tensor'

// Shapes: Z batch, M rows of the result, N its columns, K contraction.

const plain = kernel('matmul', [3, 3, 'integer'], function (a, b, size) {
  let sum = 0
  for (let k = 0; k < size; k++) {
    sum += a[this.thread.z][this.thread.y][k] * b[this.thread.z][k][this.thread.x]
  }
  return sum
})

const transposedA = kernel('matmulTransposedA', [3, 3, 'integer'], function (a, b, size) {
  let sum = 0
  for (let k = 0; k < size; k++) {
    sum += a[this.thread.z][k][this.thread.y] * b[this.thread.z][k][this.thread.x]
  }
  return sum
})

const transposedB = kernel('matmulTransposedB', [3, 3, 'integer'], function (a, b, size) {
  let sum = 0
  for (let k = 0; k < size; k++) {
    sum += a[this.thread.z][this.thread.y][k] * b[this.thread.z][this.thread.x][k]
  }
  return sum
})

const transposedBoth = kernel('matmulTransposedBoth', [3, 3, 'integer'], function (a, b, size) {
  let sum = 0
  for (let k = 0; k < size; k++) {
    sum += a[this.thread.z][k][this.thread.y] * b[this.thread.z][this.thread.x][k]
  }
  return sum
})

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
  infer: ([a, b], attributes) => {
    expectFloats('matmul', [a, b])
    const { batch, m, n } = extents(a.shape, b.shape, attributes)
    return [spec([...batch, m, n])]
  },
  run: (dispatch, [a, b], attributes) => {
    const { z, m, n, k } = extents(a.shape, b.shape, attributes)
    const { transposeA, transposeB } = attributes
    const compute = transposeA ? (transposeB ? transposedBoth : transposedA) : transposeB ? transposedB : plain
    const views = [transposeA ? a.as(m, k, z) : a.as(k, m, z), transposeB ? b.as(k, n, z) : b.as(n, k, z)] as const
    return [dispatch(compute, [n, m, z], [...views, k])]
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
    return [y]
  },
  cost: ([a, b], attributes) => {
    const { z, m, n, k } = extents(a.shape, b.shape, attributes)
    return { flops: 2 * z * m * n * k, bytes: 4 * z * (m * k + k * n + m * n) }
  },
  gradient: {
    inputs: [0, 1],
    of: ({ inputs: [a, b], attributes: { transposeA, transposeB }, wants }, [dy]) => {
      const byA = () =>
        transposeA
          ? matmul(b, dy, { transposeA: transposeB, transposeB: true })
          : matmul(dy, b, { transposeB: !transposeB })
      const byB = () =>
        transposeB
          ? matmul(dy, a, { transposeA: true, transposeB: transposeA })
          : matmul(a, dy, { transposeA: !transposeA })
      return [wants(0) ? byA() : undefined, wants(1) ? byB() : undefined]
    },
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
  applyOne(matmulOp, [a, b], { transposeA, transposeB })
