import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { format, sizeOf } from '../shape'
import { expectType, type Spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'

// By copy, for devices that cannot write into a part of an array: each row searches for the token that writes it.
const overwrite = kernel('writeRows', [2, 2, 1, 'integer'], function (target, source, rows, tokens) {
  let value = target[this.thread.y][this.thread.x]
  for (let n = 0; n < tokens; n++) {
    if (rows[n] === this.thread.y) {
      value = source[n][this.thread.x]
    }
  }
  return value
})

const extents = (target: Spec, source: Spec, rows: Spec) => {
  const [count, ...rest] = target.shape
  const [tokens, ...sourceRest] = source.shape
  expectType('writeRows', 'source', source, 'f32')
  expectType('writeRows', 'rows', rows, 'i32')
  if (target.shape.length < 2 || format(rest) !== format(sourceRest))
    throw new ShapeError(
      'writeRows',
      `source ${format(source.shape)} does not fit target ${format(target.shape)}: only axis 0 may differ`,
    )
  if (rows.shape.length !== 1 || rows.shape[0] !== tokens)
    throw new ShapeError('writeRows', `needs rows [${tokens}], found ${format(rows.shape)}`)
  return { count, tokens, width: sizeOf(rest) }
}

export const writeRowsOp: Op<undefined> = {
  name: 'writeRows',
  inPlace: [0],
  infer: ([target, source, rows]) => {
    extents(target, source, rows)
    return [target]
  },
  run: (dispatch, [target, source, rows]) => {
    const { count, tokens, width } = extents(target, source, rows)
    const args = [target.as(width, count), source.as(width, tokens), rows.as(tokens), tokens] as const
    return [dispatch(overwrite, [width, count], args)]
  },
  reference: ([target, source, rows]) => {
    const width = target.data.length / target.shape[0]
    const y = Float64Array.from(target.data)
    for (let n = 0; n < rows.data.length; n++)
      for (let i = 0; i < width; i++) y[rows.data[n] * width + i] = source.data[n * width + i]
    return [y]
  },
  cost: ([target, source, rows]) => ({
    flops: 0,
    bytes: totalBytes(source, rows) + (totalBytes(target) / target.shape[0]) * source.shape[0],
  }),
}

/**
 * Writes row n of the source into row `rows[n]` of the target, for example keys and values into a cache. The target itself
 * changes, in place where the device can. No two of `rows` are equal, and all are rows of the target.
 * @param target [rows, ...], of f32 or a type of the device's `cacheTypes`, to which the source is converted
 * @param source f32 [N, ...]
 * @param rows i32 [N]
 * @throws ShapeError
 */
export const writeRows = (target: Tensor, source: Tensor, rows: Tensor): Tensor =>
  applyOne(writeRowsOp, [target, source, rows], undefined)
