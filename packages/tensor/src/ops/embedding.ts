import { ShapeError } from '../errors'
import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { format, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

const gather = kernel('embedding', { ids: 1, weight: 2 }, function (this: Thread, ids: number[], weight: number[][]) {
  return weight[ids[this.thread.y]][this.thread.x]
})

export const embeddingOp: Op = {
  name: 'embedding',
  weight: 1,
  shape: ([ids, weight]) => {
    if (weight.length !== 2) throw new ShapeError('embedding', `needs a weight [vocab, dim], found ${format(weight)}`)
    return [...ids, weight[1]]
  },
  run: (dispatch, [ids, weight]) => {
    const count = sizeOf(ids.shape)
    const [vocab, dim] = weight.shape
    return dispatch(gather, [dim, count], { ids: ids.as(count), weight: weight.as(dim, vocab) })
  },
  reference: ([ids, weight]) => {
    const dim = weight.shape[1]
    return Float64Array.from(
      { length: ids.data.length * dim },
      (_, i) => weight.data[ids.data[Math.floor(i / dim)] * dim + (i % dim)],
    )
  },
  cost: ([ids, weight]) => ({ flops: 0, bytes: 8 * sizeOf(ids) * weight[1] }),
}

/**
 * Rows of a table. Ids are whole numbers below `vocab`, held as f32; who makes the tensor checks them.
 * @param ids [...]
 * @param weight [vocab, dim], may be quantised where the device reads it
 * @returns [..., dim]
 * @throws ShapeError
 */
export const embedding = (ids: Tensor, weight: Tensor): Tensor => apply(embeddingOp, [ids, weight], undefined)
