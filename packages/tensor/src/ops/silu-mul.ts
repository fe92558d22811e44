import { apply, applyOne } from '../apply'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { asMatrix, sizeOf } from '../shape'
import { totalBytes } from '../spec'
import type { Tensor } from '../tensor'
import { binary, oneShape } from './elementwise'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

const gateGradient = kernel('siluMulGate', [2, 2, 2], function (a, b, dy) {
  const gate = a[this.thread.y][this.thread.x]
  const sigma = 1 / (1 + Math.exp(-gate))
  return dy[this.thread.y][this.thread.x] * b[this.thread.y][this.thread.x] * sigma * (1 + gate * (1 - sigma))
})

const upGradient = kernel('siluMulUp', [2, 2], function (a, dy) {
  const gate = a[this.thread.y][this.thread.x]
  return (dy[this.thread.y][this.thread.x] * gate) / (1 + Math.exp(-gate))
})

/** Gradients of `siluMul` by a and by b. */
export const siluMulBackwardOp: Op<undefined> = {
  name: 'siluMulBackward',
  infer: inputs => {
    const one = oneShape('siluMulBackward', inputs)
    return [one, one]
  },
  run: (dispatch, [a, b, dy]) => {
    const { rows, columns } = asMatrix(a.shape)
    const [gate, up, out] = [a, b, dy].map(x => x.as(columns, rows))
    return [
      dispatch(gateGradient, [columns, rows], [gate, up, out]),
      dispatch(upGradient, [columns, rows], [gate, out]),
    ]
  },
  reference: ([a, b, dy]) => [
    Float64Array.from(a.data, (x, i) => dy.data[i] * b.data[i] * sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    Float64Array.from(a.data, (x, i) => dy.data[i] * x * sigmoid(x)),
  ],
  cost: ([a]) => ({ flops: 12 * sizeOf(a.shape), bytes: totalBytes(a, a, a, a, a) }),
}

export const siluMulOp = binary(
  kernel('siluMul', [2, 2], function (a, b) {
    const gate = a[this.thread.y][this.thread.x]
    return (gate / (1 + Math.exp(-gate))) * b[this.thread.y][this.thread.x]
  }),
  (a, b) => a * sigmoid(a) * b,
  5,
  { inputs: [0, 1], of: ({ inputs: [a, b] }, [dy]) => apply(siluMulBackwardOp, [a, b, dy], undefined) },
)

/** The gate of SwiGLU (Shazeer 2020): `silu(a) · b` = `a / (1 + exp(-a)) · b`, element by element. @throws ShapeError */
export const siluMul = (a: Tensor, b: Tensor): Tensor => applyOne(siluMulOp, [a, b], undefined)
