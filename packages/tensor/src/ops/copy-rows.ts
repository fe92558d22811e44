import { apply } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { format, sameShape, sizeOf } from '../shape'
import { type Spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'

const overwrite = kernel(
  'copyRows',
  [2, 2, 'integer', 'integer', 'integer'],
  function (target, source, from, to, count) {
    let value = target[this.thread.y][this.thread.x]
    if (this.thread.y >= to) {
      if (this.thread.y < to + count) {
        value = source[this.thread.y - to + from][this.thread.x]
      }
    }
    return value
  },
)

export interface CopyRowsAttributes {
  /** First row of the source that is copied. */
  readonly from: number
  /** Row of the target where it goes. */
  readonly to: number
  readonly count: number
}

const check = (target: Spec, source: Spec, { from, to, count }: CopyRowsAttributes): void => {
  const [rows, ...rest] = target.shape
  const [sourceRows, ...sourceRest] = source.shape
  if (target.dtype !== source.dtype || target.shape.length < 2 || !sameShape(rest, sourceRest))
    throw new ShapeError(
      'copyRows',
      `${format(source.shape)} as ${source.dtype} does not fit ${format(target.shape)} as ${target.dtype}: only axis 0 may differ`,
    )
  const within = (start: number, size: number) =>
    Number.isInteger(start) && Number.isInteger(count) && start >= 0 && count >= 1 && start + count <= size
  if (!within(from, sourceRows) || !within(to, rows))
    throw new ShapeError(
      'copyRows',
      `${count} rows from ${from} to ${to} are not within ${sourceRows} and ${rows} rows`,
    )
}

export const copyRowsOp: Op<CopyRowsAttributes> = {
  name: 'copyRows',
  inPlace: [0],
  infer: ([target, source], attributes) => {
    check(target, source, attributes)
    return [target]
  },
  run: (dispatch, [target, source], { from, to, count }) => {
    const [rows] = target.shape
    const [sourceRows] = source.shape
    const width = sizeOf(target.shape) / rows
    return [dispatch(overwrite, [width, rows], [target.as(width, rows), source.as(width, sourceRows), from, to, count])]
  },
  reference: ([target, source], { from, to, count }) => {
    const width = target.data.length / target.shape[0]
    const y = Float64Array.from(target.data)
    for (let i = 0; i < count * width; i++) y[to * width + i] = source.data[from * width + i]
    return [y]
  },
  cost: ([target], { count }) => ({ flops: 0, bytes: (2 * count * totalBytes(target)) / target.shape[0] }),
}

/**
 * Copies rows from one tensor into another of the same type, or within one tensor, where they must not overlap. The target
 * changes, in place where the device can.
 * @param target [rows, ...]
 * @param source [rows, ...]; only axis 0 may differ
 * @throws ShapeError
 */
export const copyRows = (target: Tensor, source: Tensor, attributes: CopyRowsAttributes): void => {
  apply(copyRowsOp, [target, source], attributes)
}
