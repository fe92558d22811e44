import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { format, sizeOf } from '../shape'
import { expectType, type Spec, spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'

const gather = kernel('embedding', [1, 2], function (ids, weight) {
  return weight[ids[this.thread.y]][this.thread.x]
})

const scatter = kernel('embeddingBackward', [1, 2, 'integer'], function (ids, dy, count) {
  let sum = 0
  for (let i = 0; i < count; i++) {
    if (ids[i] === this.thread.y) {
      sum += dy[i][this.thread.x]
    }
  }
  return sum
})

const rowsOf = (ids: Spec, weight: Spec): Spec => spec([sizeOf(ids.shape), weight.shape[1]])

/** Gradient by the table: rows of dy are added up by id, in the order of the ids. */
export const embeddingBackwardOp: Op<{ vocab: number }> = {
  name: 'embeddingBackward',
  infer: ([ids, dy], { vocab }) => {
    expectType('embeddingBackward', 'ids', ids, 'i32')
    expectType('embeddingBackward', 'dy', dy, 'f32')
    const dim = dy.shape[dy.shape.length - 1]
    if (sizeOf(dy.shape) !== sizeOf(ids.shape) * dim)
      throw new ShapeError('embeddingBackward', `ids ${format(ids.shape)} do not fit dy ${format(dy.shape)}`)
    return [spec([vocab, dim])]
  },
  run: (dispatch, [ids, dy], { vocab }) => {
    const count = sizeOf(ids.shape)
    const dim = dy.shape[dy.shape.length - 1]
    return [dispatch(scatter, [dim, vocab], [ids.as(count), dy.as(dim, count), count])]
  },
  reference: ([ids, dy], { vocab }) => {
    const dim = dy.shape[dy.shape.length - 1]
    const y = new Float64Array(vocab * dim)
    for (let i = 0; i < ids.data.length; i++)
      for (let d = 0; d < dim; d++) y[ids.data[i] * dim + d] += dy.data[i * dim + d]
    return [y]
  },
  cost: ([ids, dy], { vocab }) => ({
    flops: sizeOf(dy.shape),
    bytes: totalBytes(ids, dy, spec([vocab, dy.shape[dy.shape.length - 1]])),
  }),
}

export const embeddingOp: Op<undefined> = {
  name: 'embedding',
  infer: ([ids, weight]) => {
    expectType('embedding', 'ids', ids, 'i32')
    if (weight.shape.length !== 2)
      throw new ShapeError('embedding', `needs a weight [vocab, dim], found ${format(weight.shape)}`)
    return [spec([...ids.shape, weight.shape[1]])]
  },
  run: (dispatch, [ids, weight]) => {
    const count = sizeOf(ids.shape)
    const [vocab, dim] = weight.shape
    return [dispatch(gather, [dim, count], [ids.as(count), weight.as(dim, vocab)])]
  },
  reference: ([ids, weight]) => {
    const dim = weight.shape[1]
    const at = (i: number) => weight.data[ids.data[Math.floor(i / dim)] * dim + (i % dim)]
    return [Float64Array.from({ length: ids.data.length * dim }, (_, i) => at(i))]
  },
  cost: ([ids, weight]) => ({
    flops: 0,
    bytes: totalBytes(ids, rowsOf(ids, weight), { ...rowsOf(ids, weight), dtype: weight.dtype }),
  }),
  gradient: {
    inputs: [0],
    of: ({ inputs: [ids], specs: [, weight], wants }, [dy]) => {
      const [vocab] = weight.shape
      return [undefined, wants(1) ? applyOne(embeddingBackwardOp, [ids, dy], { vocab }) : undefined]
    },
  },
}

/**
 * Rows of a table. Ids must be below `vocab`; the maker of the tensor must check them.
 * @param ids i32 [...]
 * @param weight [vocab, dim], of any type that the device reads weights in
 * @returns f32 [..., dim]
 * @throws ShapeError
 */
export const embedding = (ids: Tensor, weight: Tensor): Tensor => applyOne(embeddingOp, [ids, weight], undefined)
