import { ShapeError } from '../errors'
import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { format, type Shape, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

// By copy, for devices that cannot write into part of an array.
const overwrite = kernel(
  'writeRows',
  { target: 3, source: 3, row: 'integer', count: 'integer' },
  function (this: Thread, target: number[][][], source: number[][][], row: number, count: number) {
    if (this.thread.y >= row) {
      if (this.thread.y < row + count) {
        return source[this.thread.z][this.thread.y - row][this.thread.x]
      }
    }
    return target[this.thread.z][this.thread.y][this.thread.x]
  },
)

const extents = (target: Shape, source: Shape, row: number) => {
  const [batch, rows, ...rest] = target
  const [sourceBatch, count, ...sourceRest] = source
  if (target.length < 3 || batch !== sourceBatch || format(rest) !== format(sourceRest))
    throw new ShapeError(
      'writeRows',
      `source ${format(source)} does not fit target ${format(target)}: only axis 1 may differ`,
    )
  if (!Number.isInteger(row) || row < 0 || row + count > rows)
    throw new ShapeError('writeRows', `${count} rows at row ${row} go past the ${rows} rows of the target`)
  return { batch, rows, count, width: sizeOf(rest) }
}

export const writeRowsOp: Op<{ row: number }> = {
  name: 'writeRows',
  inPlace: true,
  shape: ([target, source], { row }) => {
    extents(target, source, row)
    return target
  },
  run: (dispatch, [target, source], { row }) => {
    const { batch, rows, count, width } = extents(target.shape, source.shape, row)
    return dispatch(overwrite, [width, rows, batch], {
      target: target.as(width, rows, batch),
      source: source.as(width, count, batch),
      row,
      count,
    })
  },
  reference: ([target, source], { row }) => {
    const { batch, rows, count, width } = extents(target.shape, source.shape, row)
    const y = Float64Array.from(target.data)
    for (let b = 0; b < batch; b++)
      for (let i = 0; i < count * width; i++) y[(b * rows + row) * width + i] = source.data[b * count * width + i]
    return y
  },
  cost: ([, source]) => ({ flops: 0, bytes: 8 * sizeOf(source) }),
}

/**
 * Writes rows into a target from a row on: how keys and values land in their cache. The target itself changes, in place where
 * the device can.
 * @param target [batch, rows, ...]
 * @param source [batch, count, ...]
 * @throws ShapeError
 */
export const writeRows = (target: Tensor, source: Tensor, row: number): Tensor =>
  apply(writeRowsOp, [target, source], { row })
