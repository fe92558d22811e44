import { ShapeError } from '../errors'
import type { Op } from '../op'
import { format, sizeOf } from '../shape'

/** The same elements in another shape. One size may be -1: it is inferred. `Tensor.reshape` applies it. */
export const reshapeOp: Op<{ shape: readonly number[] }> = {
  name: 'reshape',
  alias: true,
  infer: ([x], { shape }) => {
    if (x.dtype !== 'f32' && x.dtype !== 'i32')
      throw new ShapeError('reshape', `a ${x.dtype} weight keeps its rows as they were uploaded`)
    const size = sizeOf(x.shape)
    const known = sizeOf(shape.filter(axis => axis !== -1))
    const resolved = shape.map(axis => (axis === -1 ? size / known : axis))
    const fits = sizeOf(resolved) === size && resolved.every(axis => Number.isInteger(axis) && axis >= 1)
    if (!fits || shape.filter(axis => axis === -1).length > 1)
      throw new ShapeError('reshape', `${format(x.shape)} cannot become ${format(shape)}`)
    return [{ shape: resolved, dtype: x.dtype }]
  },
  reference: ([x]) => [Float64Array.from(x.data)],
  cost: () => ({ flops: 0, bytes: 0 }),
  gradient: { inputs: [], of: ({ specs: [x] }, [dy]) => [dy.reshape(...x.shape)] },
}
