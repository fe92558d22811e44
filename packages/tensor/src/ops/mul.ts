import { applyOne } from '../apply'
import { kernel } from '../kernel'
import type { Tensor } from '../tensor'
import { binary } from './elementwise'

export const mulOp = binary(
  kernel('mul', [2, 2], function (a, b) {
    return a[this.thread.y][this.thread.x] * b[this.thread.y][this.thread.x]
  }),
  (a, b) => a * b,
  1,
  { inputs: [0, 1], of: ({ inputs: [a, b] }, [dy]) => [mul(dy, b), mul(dy, a)] },
)

/** Product, element by element, of two tensors of one shape. @throws ShapeError */
export const mul = (a: Tensor, b: Tensor): Tensor => applyOne(mulOp, [a, b], undefined)
