import { kernel, type Thread } from '../kernel'
import { apply, type Tensor } from '../tensor'
import { unary } from './elementwise'

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI)

export const geluOp = unary(
  kernel('gelu', { x: 2 }, function (this: Thread, x: number[][]) {
    const value = x[this.thread.y][this.thread.x]
    const inner = 0.7978845608028654 * (value + 0.044715 * value * value * value)
    // tanh by exp of a negative number alone: exp of a large positive one is not portable.
    const decay = Math.exp(-2 * Math.abs(inner))
    const tanh = (1 - decay) / (1 + decay)
    if (inner < 0) {
      return 0.5 * value * (1 - tanh)
    }
    return 0.5 * value * (1 + tanh)
  }),
  x => 0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x ** 3))),
  14,
)

/** Gaussian error linear unit in its tanh form (Hendrycks & Gimpel 2016, section 2), element by element. */
export const gelu = (x: Tensor): Tensor => apply(geluOp, [x], undefined)
