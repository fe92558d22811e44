import { applyOne } from '../apply'
import { kernel } from '../kernel'
import type { Tensor } from '../tensor'
import { binary, unary } from './elementwise'

export const reluBackwardOp = binary(
  kernel('reluBackward', [2, 2], function (x, dy) {
    if (x[this.thread.y][this.thread.x] > 0) {
      return dy[this.thread.y][this.thread.x]
    }
    return 0
  }),
  (x, dy) => (x > 0 ? dy : 0),
  1,
)

export const reluOp = unary(
  kernel('relu', [2], function (x) {
    return Math.max(x[this.thread.y][this.thread.x], 0)
  }),
  x => Math.max(x, 0),
  1,
  { inputs: [0], of: ({ inputs: [x] }, [dy]) => [applyOne(reluBackwardOp, [x, dy], undefined)] },
)

/** `max(x, 0)`, element by element. Its gradient at 0 is 0. */
export const relu = (x: Tensor): Tensor => applyOne(reluOp, [x], undefined)
