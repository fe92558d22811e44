// An op of your own: y = max(x, 0)², the activation of Primer (So et al. 2021), with its gradient.

import { applyOne, kernel, mul, type Op, relu, ShapeError, scale, sizeOf, type Tensor } from '@cria/tensor'

// A kernel computes one element. It is compiled for each device: to JavaScript, WebAssembly, GLSL or WGSL. It is a string,
// because bundlers may rewrite functions.
const compute = kernel(
  'squaredRelu',
  [1],
  `function (x) {
    const value = Math.max(x[this.thread.x], 0)
    return value * value
  }`,
)

export const squaredReluOp: Op<undefined> = {
  name: 'squaredRelu',
  // Shape and type of the output.
  infer: ([x]) => {
    if (x.dtype !== 'f32') throw new ShapeError('squaredRelu', `expected f32, got ${x.dtype}`)
    return [x]
  },
  // How a device runs it. The kernel sees the tensor as one row.
  run: (dispatch, [x]) => [dispatch(compute, [sizeOf(x.shape)], [x.as(sizeOf(x.shape))])],
  // The definition, in float64. Tests compare devices with it.
  reference: ([x]) => [Float64Array.from(x.data, value => Math.max(value, 0) ** 2)],
  cost: ([x]) => ({ flops: 2 * sizeOf(x.shape), bytes: 8 * sizeOf(x.shape) }),
  // dx = 2 · max(x, 0) · dy, from ops that exist. It reads the value of input 0.
  gradient: {
    inputs: [0],
    of: ({ inputs: [x] }, [dy]) => [scale(mul(relu(x), dy), 2)],
  },
}

/** max(x, 0)², element by element. @param x f32 of any shape */
export const squaredRelu = (x: Tensor): Tensor => applyOne(squaredReluOp, [x], undefined)
