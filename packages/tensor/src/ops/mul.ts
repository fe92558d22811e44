import { kernel, type Thread } from '../kernel'
import { apply, type Tensor } from '../tensor'
import { binary } from './elementwise'

export const mulOp = binary(
  kernel('mul', { a: 2, b: 2 }, function (this: Thread, a: number[][], b: number[][]) {
    return a[this.thread.y][this.thread.x] * b[this.thread.y][this.thread.x]
  }),
  (a, b) => a * b,
  1,
)

/** Product, element by element, of two tensors of one shape. @throws ShapeError */
export const mul = (a: Tensor, b: Tensor): Tensor => apply(mulOp, [a, b], undefined)
