import { applyOne } from '../apply'
import { kernel } from '../kernel'
import type { Tensor } from '../tensor'
import { binary, unary } from './elementwise'

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI)
const CUBIC = 0.044715

export const geluBackwardOp = binary(
  kernel('geluBackward', [2, 2], function (x, dy) {
    const value = x[this.thread.y][this.thread.x]
    const inner = 0.7978845608028654 * (value + 0.044715 * value * value * value)
    // tanh from the exponential of a negative number only: that of a large positive one is not portable.
    const decay = Math.exp(-2 * Math.abs(inner))
    let tanh = (1 - decay) / (1 + decay)
    if (inner < 0) {
      tanh = -tanh
    }
    const slope = (4 * decay) / ((1 + decay) * (1 + decay))
    const turn = 0.7978845608028654 * (1 + 3 * 0.044715 * value * value)
    return dy[this.thread.y][this.thread.x] * (0.5 * (1 + tanh) + 0.5 * value * slope * turn)
  }),
  (x, dy) => {
    const inner = SQRT_2_OVER_PI * (x + CUBIC * x ** 3)
    const slope = 1 / Math.cosh(inner) ** 2
    return dy * (0.5 * (1 + Math.tanh(inner)) + 0.5 * x * slope * SQRT_2_OVER_PI * (1 + 3 * CUBIC * x * x))
  },
  20,
)

export const geluOp = unary(
  kernel('gelu', [2], function (x) {
    const value = x[this.thread.y][this.thread.x]
    const inner = 0.7978845608028654 * (value + 0.044715 * value * value * value)
    const decay = Math.exp(-2 * Math.abs(inner))
    const tanh = (1 - decay) / (1 + decay)
    if (inner < 0) {
      return 0.5 * value * (1 - tanh)
    }
    return 0.5 * value * (1 + tanh)
  }),
  x => 0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + CUBIC * x ** 3))),
  14,
  { inputs: [0], of: ({ inputs: [x] }, [dy]) => [applyOne(geluBackwardOp, [x, dy], undefined)] },
)

/** Gaussian error linear unit in its tanh form (Hendrycks & Gimpel 2016, section 2), element by element. */
export const gelu = (x: Tensor): Tensor => applyOne(geluOp, [x], undefined)
