import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Dispatch, Op, Operand, View } from '../op'
import { asMatrix, format, type Shape, sizeOf } from '../shape'
import { expectFloats, spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'
import { scale } from './scale'

// In two steps, so that no thread adds up everything: chunks, then the sums of the chunks.
const CHUNK = 256

const chunkSums = kernel('sumChunks', [1, 'integer', 'integer', 'integer'], function (x, chunk, last, rest) {
  let sum = 0
  for (let i = 0; i < chunk; i++) {
    if (this.thread.x < last || i < rest) {
      sum += x[this.thread.x * chunk + i]
    }
  }
  return sum
})

/** The number of chunks, and the arguments of a kernel over them: the length of a chunk, and the number and length of the last one. */
export const chunksOf = (size: number, chunk: number) => {
  const chunks = Math.ceil(size / chunk)
  return { chunks, ends: [chunk, chunks - 1, size - (chunks - 1) * chunk] } as const
}

/** The sum of `size` values, in dispatches that add up chunks until one number is left. */
export const addUp = (dispatch: Dispatch, values: View, size: number): Operand => {
  const { chunks, ends } = chunksOf(size, CHUNK)
  const sums = dispatch(chunkSums, [chunks], [values, ...ends])
  return chunks === 1 ? sums : addUp(dispatch, sums.as(chunks), chunks)
}

const fill = kernel('expand', [1], function (x) {
  return x[0] + 0 * this.thread.x
})

/** One number as a tensor of any shape. */
export const expandOp: Op<{ shape: Shape }> = {
  name: 'expand',
  infer: ([x], { shape }) => {
    expectFloats('expand', [x])
    if (sizeOf(x.shape) !== 1) throw new ShapeError('expand', `needs one number, found ${format(x.shape)}`)
    return [spec(shape)]
  },
  run: (dispatch, [x], { shape }) => {
    const { rows, columns } = asMatrix(shape)
    return [dispatch(fill, [columns, rows], [x.as(1)])]
  },
  reference: ([x], { shape }) => [new Float64Array(sizeOf(shape)).fill(x.data[0])],
  cost: (_, { shape }) => ({ flops: 0, bytes: totalBytes(spec(shape)) }),
  gradient: { inputs: [], of: ({ specs: [x] }, [dy]) => [sum(dy).reshape(...x.shape)] },
}

export const sumOp: Op<undefined> = {
  name: 'sum',
  infer: ([x]) => {
    expectFloats('sum', [x])
    return [spec([1])]
  },
  run: (dispatch, [x]) => [addUp(dispatch, x.as(sizeOf(x.shape)), sizeOf(x.shape))],
  reference: ([x]) => [Float64Array.of(Array.from(x.data).reduce((a, b) => a + b, 0))],
  cost: ([x]) => ({ flops: sizeOf(x.shape), bytes: totalBytes(x) }),
  gradient: { inputs: [], of: ({ specs: [x] }, [dy]) => [applyOne(expandOp, [dy], { shape: x.shape })] },
}

/** The sum of all elements. @returns f32 [1] */
export const sum = (x: Tensor): Tensor => applyOne(sumOp, [x], undefined)

/** The mean of all elements. @returns f32 [1] */
export const mean = (x: Tensor): Tensor => scale(sum(x), 1 / x.size)
