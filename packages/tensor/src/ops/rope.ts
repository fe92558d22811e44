import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { format, sizeOf } from '../shape'
import { expectType, type Spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'

// Shapes: N tokens, H heads, C head dim, P positions of the table.
// `direction` is 1, or -1 for the inverse rotation.

const interleaved = kernel('rope', [3, 2, 2, 1, 'float'], function (x, cosines, sines, positions, direction) {
  const pair = Math.floor((this.thread.x + 0.5) / 2)
  const row = positions[this.thread.z]
  const cosine = cosines[row][pair]
  const sine = sines[row][pair] * direction
  const first = x[this.thread.z][this.thread.y][2 * pair]
  const second = x[this.thread.z][this.thread.y][2 * pair + 1]
  if (this.thread.x > 2 * pair) {
    return first * sine + second * cosine
  }
  return first * cosine - second * sine
})

const halves = kernel(
  'ropeHalves',
  [3, 2, 2, 1, 'float', 'integer'],
  function (x, cosines, sines, positions, direction, half) {
    let pair = this.thread.x
    if (this.thread.x >= half) {
      pair = this.thread.x - half
    }
    const row = positions[this.thread.z]
    const cosine = cosines[row][pair]
    const sine = sines[row][pair] * direction
    const first = x[this.thread.z][this.thread.y][pair]
    const second = x[this.thread.z][this.thread.y][pair + half]
    if (this.thread.x >= half) {
      return first * sine + second * cosine
    }
    return first * cosine - second * sine
  },
)

/** Which two elements of a head form a pair: (2i, 2i + 1) as in Meta's checkpoints, or (i, i + C/2) as in Hugging Face's. */
export type RopePairing = 'interleaved' | 'halves'

export interface RopeAttributes {
  readonly pairing: RopePairing
  /** Rotates by the negative angle: the gradient of the rotation. */
  readonly inverse: boolean
}

const extents = (x: Spec, cosines: Spec, sines: Spec, positions: Spec) => {
  const [tokens, heads, headDim] = x.shape
  expectType('rope', 'positions', positions, 'i32')
  if (x.shape.length !== 3 || headDim % 2 !== 0)
    throw new ShapeError('rope', `needs x [tokens, heads, an even head dim], found ${format(x.shape)}`)
  for (const { shape } of [cosines, sines])
    if (shape.length !== 2 || shape[0] !== cosines.shape[0] || shape[1] !== headDim / 2)
      throw new ShapeError(
        'rope',
        `x ${format(x.shape)} needs angles [positions, ${headDim / 2}], found ${format(shape)}`,
      )
  if (positions.shape.length !== 1 || positions.shape[0] !== tokens)
    throw new ShapeError('rope', `x ${format(x.shape)} needs positions [${tokens}], found ${format(positions.shape)}`)
  return { tokens, heads, headDim, half: headDim / 2, table: cosines.shape[0] }
}

export const ropeOp: Op<RopeAttributes> = {
  name: 'rope',
  infer: ([x, cosines, sines, positions]) => {
    extents(x, cosines, sines, positions)
    return [x]
  },
  run: (dispatch, [x, cosines, sines, positions], { pairing, inverse }) => {
    const { tokens, heads, headDim, half, table } = extents(x, cosines, sines, positions)
    const views = [
      x.as(headDim, heads, tokens),
      cosines.as(half, table),
      sines.as(half, table),
      positions.as(tokens),
    ] as const
    const direction = inverse ? -1 : 1
    return pairing === 'interleaved'
      ? [dispatch(interleaved, [headDim, heads, tokens], [...views, direction])]
      : [dispatch(halves, [headDim, heads, tokens], [...views, direction, half])]
  },
  reference: ([x, cosines, sines, positions], { pairing, inverse }) => {
    const [tokens, heads, headDim] = x.shape
    const half = headDim / 2
    const y = new Float64Array(sizeOf(x.shape))
    for (let token = 0; token < tokens; token++)
      for (let head = 0; head < heads; head++)
        for (let pair = 0; pair < half; pair++) {
          const base = (token * heads + head) * headDim
          const first = base + (pairing === 'interleaved' ? 2 * pair : pair)
          const second = pairing === 'interleaved' ? first + 1 : first + half
          const cosine = cosines.data[positions.data[token] * half + pair]
          const sine = sines.data[positions.data[token] * half + pair] * (inverse ? -1 : 1)
          y[first] = x.data[first] * cosine - x.data[second] * sine
          y[second] = x.data[first] * sine + x.data[second] * cosine
        }
    return [y]
  },
  cost: ([x]) => ({ flops: 3 * sizeOf(x.shape), bytes: totalBytes(x, x) }),
  gradient: {
    inputs: [1, 2, 3],
    of: ({ inputs: [, cosines, sines, positions], attributes }, [dy]) => [
      applyOne(ropeOp, [dy, cosines, sines, positions], { ...attributes, inverse: !attributes.inverse }),
    ],
  },
}

/**
 * Rotary position embedding (Su et al. 2021, equation 34): each pair of a head is rotated by the angle of its token's position.
 * @param x f32 [tokens, heads, headDim]
 * @param tables cosines and sines of the angles at all positions, [positions, headDim / 2] each
 * @param positions i32 [tokens]: the row of the tables that each token reads
 * @throws ShapeError
 */
export const rope = (
  x: Tensor,
  { cosines, sines }: { readonly cosines: Tensor; readonly sines: Tensor },
  positions: Tensor,
  pairing: RopePairing,
): Tensor => applyOne(ropeOp, [x, cosines, sines, positions], { pairing, inverse: false })
