import { kernel, type Thread } from '../kernel'
import { apply, type Tensor } from '../tensor'
import { unary } from './elementwise'

export const reluOp = unary(
  kernel('relu', { x: 2 }, function (this: Thread, x: number[][]) {
    return Math.max(x[this.thread.y][this.thread.x], 0)
  }),
  x => Math.max(x, 0),
  1,
)

/** Rectifier: `max(x, 0)`, element by element. */
export const relu = (x: Tensor): Tensor => apply(reluOp, [x], undefined)
