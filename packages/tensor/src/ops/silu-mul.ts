import { kernel, type Thread } from '../kernel'
import { apply, type Tensor } from '../tensor'
import { binary } from './elementwise'

export const siluMulOp = binary(
  kernel('siluMul', { a: 2, b: 2 }, function (this: Thread, a: number[][], b: number[][]) {
    const gate = a[this.thread.y][this.thread.x]
    return (gate / (1 + Math.exp(-gate))) * b[this.thread.y][this.thread.x]
  }),
  (a, b) => (a / (1 + Math.exp(-a))) * b,
  5,
)

/** The gate of SwiGLU (Shazeer 2020): `silu(a) · b` = `a / (1 + exp(-a)) · b`, element by element. @throws ShapeError */
export const siluMul = (a: Tensor, b: Tensor): Tensor => apply(siluMulOp, [a, b], undefined)
