import { applyOne } from '../apply'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { around, type Shape, sizeOf } from '../shape'
import { expectFloats, spec } from '../spec'
import type { Tensor } from '../tensor'

// Seen as [outer, A, middle, B, inner] → [outer, B, middle, A, inner].
const swap = kernel('transpose', [3, 'integer', 'integer', 'integer'], function (x, sizeA, sizeB, middle) {
  const column = Math.floor((this.thread.y + 0.5) / sizeA)
  const a = this.thread.y - column * sizeA
  const b = Math.floor((column + 0.5) / middle)
  const m = column - b * middle
  return x[this.thread.z][(a * middle + m) * sizeB + b][this.thread.x]
})

export interface TransposeAttributes {
  readonly axes: readonly [number, number]
}

export const transposeExtents = (x: Shape, { axes }: TransposeAttributes) => {
  const [low, high] = axes.map(axis => around('transpose', x, axis)).sort((a, b) => a.axis - b.axis)
  const middle = low.axis === high.axis ? 1 : sizeOf(x.slice(low.axis + 1, high.axis))
  const sizeA = low.axis === high.axis ? 1 : low.size
  return { low, high, outer: low.outer, sizeA, middle, sizeB: high.size, inner: high.inner }
}

export const transposeOp: Op<TransposeAttributes> = {
  name: 'transpose',
  infer: ([x], attributes) => {
    expectFloats('transpose', [x])
    const { low, high } = transposeExtents(x.shape, attributes)
    return [spec(x.shape.with(low.axis, high.size).with(high.axis, low.size))]
  },
  run: (dispatch, [x], attributes) => {
    const { outer, sizeA, middle, sizeB, inner } = transposeExtents(x.shape, attributes)
    const rows = sizeA * middle * sizeB
    return [dispatch(swap, [inner, rows, outer], [x.as(inner, rows, outer), sizeA, sizeB, middle])]
  },
  reference: ([x], attributes) => {
    const { outer, sizeA, middle, sizeB, inner } = transposeExtents(x.shape, attributes)
    const y = new Float64Array(sizeOf(x.shape))
    let i = 0
    for (let o = 0; o < outer; o++)
      for (let b = 0; b < sizeB; b++)
        for (let m = 0; m < middle; m++)
          for (let a = 0; a < sizeA; a++)
            for (let n = 0; n < inner; n++) y[i++] = x.data[(((o * sizeA + a) * middle + m) * sizeB + b) * inner + n]
    return [y]
  },
  cost: ([x]) => ({ flops: 0, bytes: 8 * sizeOf(x.shape) }),
  gradient: { inputs: [], of: ({ attributes: { axes } }, [dy]) => [transpose(dy, ...axes)] },
}

/** Two axes exchanged. Negative axes count from the end. @throws ShapeError */
export const transpose = (x: Tensor, ...axes: readonly [number, number]): Tensor => applyOne(transposeOp, [x], { axes })
