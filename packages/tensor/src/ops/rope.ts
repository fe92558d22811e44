import { ShapeError } from '../errors'
import { kernel, type Thread } from '../kernel'
import type { Op } from '../op'
import { format, type Shape, sizeOf } from '../shape'
import { apply, type Tensor } from '../tensor'

// Shapes: B batch, T time, H heads, C head dim.

const interleaved = kernel(
  'ropeInterleaved',
  { x: 3, cosines: 2, sines: 2, tokens: 'integer' },
  function (this: Thread, x: number[][][], cosines: number[][], sines: number[][], tokens: number) {
    const t = this.thread.z - tokens * Math.floor((this.thread.z + 0.5) / tokens)
    const pair = Math.floor((this.thread.x + 0.5) / 2)
    const cosine = cosines[t][pair]
    const sine = sines[t][pair]
    const first = x[this.thread.z][this.thread.y][2 * pair]
    const second = x[this.thread.z][this.thread.y][2 * pair + 1]
    if (this.thread.x > 2 * pair) {
      return first * sine + second * cosine
    }
    return first * cosine - second * sine
  },
)

const halves = kernel(
  'ropeHalves',
  { x: 3, cosines: 2, sines: 2, tokens: 'integer', half: 'integer' },
  function (this: Thread, x: number[][][], cosines: number[][], sines: number[][], tokens: number, half: number) {
    const t = this.thread.z - tokens * Math.floor((this.thread.z + 0.5) / tokens)
    let pair = this.thread.x
    if (this.thread.x >= half) {
      pair = this.thread.x - half
    }
    const cosine = cosines[t][pair]
    const sine = sines[t][pair]
    const first = x[this.thread.z][this.thread.y][pair]
    const second = x[this.thread.z][this.thread.y][pair + half]
    if (this.thread.x >= half) {
      return first * sine + second * cosine
    }
    return first * cosine - second * sine
  },
)

/** Which two elements of a head turn together: (2i, 2i + 1) as in Meta's checkpoints, or (i, i + C/2) as in Hugging Face's. */
export type RopePairing = 'interleaved' | 'halves'

const extents = (x: Shape, cosines: Shape, sines: Shape) => {
  const [batch, tokens, heads, headDim] = x
  if (x.length !== 4 || headDim % 2 !== 0)
    throw new ShapeError('rope', `needs x [batch, time, heads, an even head dim], found ${format(x)}`)
  for (const table of [cosines, sines])
    if (table.length !== 2 || table[0] !== tokens || table[1] !== headDim / 2)
      throw new ShapeError('rope', `x ${format(x)} needs angles [${tokens}, ${headDim / 2}], found ${format(table)}`)
  return { batch, tokens, heads, headDim, half: headDim / 2 }
}

export const ropeOp: Op<{ pairing: RopePairing }> = {
  name: 'rope',
  shape: ([x, cosines, sines]) => {
    extents(x, cosines, sines)
    return x
  },
  run: (dispatch, [x, cosines, sines], { pairing }) => {
    const { batch, tokens, heads, headDim, half } = extents(x.shape, cosines.shape, sines.shape)
    const views = {
      x: x.as(headDim, heads, batch * tokens),
      cosines: cosines.as(half, tokens),
      sines: sines.as(half, tokens),
      tokens,
    }
    return pairing === 'interleaved'
      ? dispatch(interleaved, [headDim, heads, batch * tokens], views)
      : dispatch(halves, [headDim, heads, batch * tokens], { ...views, half })
  },
  reference: ([x, cosines, sines], { pairing }) => {
    const { batch, tokens, heads, headDim, half } = extents(x.shape, cosines.shape, sines.shape)
    const y = new Float64Array(sizeOf(x.shape))
    for (let row = 0; row < batch * tokens; row++)
      for (let head = 0; head < heads; head++)
        for (let pair = 0; pair < half; pair++) {
          const base = (row * heads + head) * headDim
          const first = base + (pairing === 'interleaved' ? 2 * pair : pair)
          const second = pairing === 'interleaved' ? first + 1 : first + half
          const cosine = cosines.data[(row % tokens) * half + pair]
          const sine = sines.data[(row % tokens) * half + pair]
          y[first] = x.data[first] * cosine - x.data[second] * sine
          y[second] = x.data[first] * sine + x.data[second] * cosine
        }
    return y
  },
  cost: ([x]) => ({ flops: 3 * sizeOf(x), bytes: 8 * sizeOf(x) }),
}

/**
 * Rotary position embedding (Su et al. 2021, equation 34): each pair of a head turns by its position's angle.
 * @param x [batch, time, heads, headDim]
 * @param cosines [time, headDim / 2], of the angles at these positions
 * @param sines [time, headDim / 2]
 * @throws ShapeError
 */
export const rope = (x: Tensor, cosines: Tensor, sines: Tensor, pairing: RopePairing): Tensor =>
  apply(ropeOp, [x, cosines, sines], { pairing })
