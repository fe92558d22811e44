import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { asMatrix, format, sizeOf } from '../shape'
import { expectFloats, spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'

// A NaN is neither at most nor above any number. Finite numbers of f32 lie between -3.4028235e38 and 3.4028235e38.
export const greatest = kernel('argMax', [2, 'integer'], function (x, limit) {
  let best = 0
  let max = x[this.thread.x][0]
  let broken = 0
  for (let d = 0; d < limit; d++) {
    const value = x[this.thread.x][d]
    if (value > max) {
      max = value
      best = d
    } else {
      if (value <= max) {
      } else {
        broken = 1
      }
    }
  }
  if (Math.abs(max) > 3.4028234e38) {
    broken = 1
  }
  if (broken > 0) {
    return -1
  }
  return best
})

export interface ArgMaxAttributes {
  /** Columns that count, from the first on. */
  readonly limit: number
}

export const argMaxOp: Op<ArgMaxAttributes> = {
  name: 'argMax',
  infer: ([x], { limit }) => {
    expectFloats('argMax', [x])
    const { rows, columns } = asMatrix(x.shape)
    if (!Number.isInteger(limit) || limit < 1 || limit > columns)
      throw new ShapeError('argMax', `a limit of ${limit} columns is not within ${format(x.shape)}`)
    return [spec([rows], 'i32')]
  },
  run: (dispatch, [x], { limit }) => {
    const { rows, columns } = asMatrix(x.shape)
    return [dispatch(greatest, [rows], [x.as(columns, rows), limit])]
  },
  reference: ([x], { limit }) => {
    const { rows, columns } = asMatrix(x.shape)
    return [
      Float64Array.from({ length: rows }, (_, row) => {
        const values = Array.from({ length: limit }, (_, d) => x.data[row * columns + d])
        const max = Math.max(...values)
        return Number.isFinite(max) ? values.indexOf(max) : -1
      }),
    ]
  },
  cost: ([x]) => ({ flops: sizeOf(x.shape), bytes: totalBytes(x) }),
}

/**
 * The column of the greatest element of each row, the lowest on a tie, among the first `limit` columns.
 * @param x f32 [..., columns]
 * @returns i32 [rows]; -1 for a row that holds NaN or whose greatest element is infinite
 * @throws ShapeError
 */
export const argMax = (x: Tensor, limit = x.shape[x.shape.length - 1]): Tensor => applyOne(argMaxOp, [x], { limit })
