import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { around, type Shape, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

// Seen as [outer, A, middle, B, inner] → [outer, B, middle, A, inner].
const swap = kernel(
  'transpose',
  { x: 3, sizeA: 'integer', sizeB: 'integer', middle: 'integer' },
  function (this: Thread, x: number[][][], sizeA: number, sizeB: number, middle: number) {
    const column = Math.floor((this.thread.y + 0.5) / sizeA)
    const a = this.thread.y - column * sizeA
    const b = Math.floor((column + 0.5) / middle)
    const m = column - b * middle
    return x[this.thread.z][(a * middle + m) * sizeB + b][this.thread.x]
  },
)

export interface TransposeAttributes {
  readonly axes: readonly [number, number]
}

const extents = (x: Shape, { axes }: TransposeAttributes) => {
  const [low, high] = axes.map(axis => around('transpose', x, axis)).sort((a, b) => a.axis - b.axis)
  const middle = low.axis === high.axis ? 1 : sizeOf(x.slice(low.axis + 1, high.axis))
  const sizeA = low.axis === high.axis ? 1 : low.size
  return { low, high, outer: low.outer, sizeA, middle, sizeB: high.size, inner: high.inner }
}

export const transposeOp: Op<TransposeAttributes> = {
  name: 'transpose',
  shape: ([x], attributes) => {
    const { low, high } = extents(x, attributes)
    return x.with(low.axis, high.size).with(high.axis, low.size)
  },
  run: (dispatch, [x], attributes) => {
    const { outer, sizeA, middle, sizeB, inner } = extents(x.shape, attributes)
    const rows = sizeA * middle * sizeB
    return dispatch(swap, [inner, rows, outer], { x: x.as(inner, rows, outer), sizeA, sizeB, middle })
  },
  reference: ([x], attributes) => {
    const { outer, sizeA, middle, sizeB, inner } = extents(x.shape, attributes)
    const y = new Float64Array(sizeOf(x.shape))
    let i = 0
    for (let o = 0; o < outer; o++)
      for (let b = 0; b < sizeB; b++)
        for (let m = 0; m < middle; m++)
          for (let a = 0; a < sizeA; a++)
            for (let n = 0; n < inner; n++) y[i++] = x.data[(((o * sizeA + a) * middle + m) * sizeB + b) * inner + n]
    return y
  },
  cost: ([x]) => ({ flops: 0, bytes: 8 * sizeOf(x) }),
}

/** Two axes exchanged. Negative axes count from the end. @throws ShapeError */
export const transpose = (x: Tensor, ...axes: readonly [number, number]): Tensor => apply(transposeOp, [x], { axes })
