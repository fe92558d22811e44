import { applyOne } from '../apply'
import { kernel } from '../kernel'
import type { Tensor } from '../tensor'
import { binary } from './elementwise'

export const addOp = binary(
  kernel('add', [2, 2], function (a, b) {
    return a[this.thread.y][this.thread.x] + b[this.thread.y][this.thread.x]
  }),
  (a, b) => a + b,
  1,
  { inputs: [], of: (_, [dy]) => [dy, dy] },
)

/** Sum, element by element, of two tensors of one shape. @throws ShapeError */
export const add = (a: Tensor, b: Tensor): Tensor => applyOne(addOp, [a, b], undefined)
