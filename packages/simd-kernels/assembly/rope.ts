import { LANES } from './lanes'
import { get, parallel, put } from './parallel'

/**
 * Rotates pairs of each head by its row's angle (Su et al. 2021, equation 34), or by the negative angle: (2i, 2i + 1), or with `halves`
 * (i, i + C / 2). x, out [rows, heads, headDim]; cosines, sines [P, headDim / 2], read at positions[r] (i32). `out` may be x.
 */
export function rope(
  x: usize,
  cosines: usize,
  sines: usize,
  positions: usize,
  out: usize,
  rows: i32,
  heads: i32,
  headDim: i32,
  halves: bool,
  inverse: bool,
): void {
  put(0, x)
  put(1, cosines)
  put(2, sines)
  put(3, positions)
  put(4, out)
  put(5, heads)
  put(6, headDim)
  put<i32>(7, halves)
  put<f32>(8, inverse ? -1 : 1)
  parallel(ropeRows, rows, max(1, 16_384 / (heads * headDim)))
}

function ropeRows(begin: i32, end: i32): void {
  const heads = get<i32>(5)
  const headDim = get<i32>(6)
  const halves = get<i32>(7) != 0
  const sign = get<f32>(8)
  for (let row = begin; row < end; row++) {
    const position = load<i32>(get<usize>(3) + (<usize>row << 2))
    const angle = <usize>(position * (headDim >> 1)) << 2
    const cosines = get<usize>(1) + angle
    const sines = get<usize>(2) + angle
    for (let head = 0; head < heads; head++) {
      const at = (<usize>(row * heads + head) * <usize>headDim) << 2
      if (halves) rotateHalves(get<usize>(0) + at, cosines, sines, get<usize>(4) + at, headDim, sign)
      else rotatePairs(get<usize>(0) + at, cosines, sines, get<usize>(4) + at, headDim, sign)
    }
  }
}

function rotatePairs(x: usize, cosines: usize, sines: usize, out: usize, headDim: i32, sign: f32): void {
  const signs = f32x4(-sign, sign, -sign, sign)
  let i = 0
  for (; i + LANES <= headDim; i += LANES) {
    const at = <usize>i << 2
    const pairs = v128.load(x + at)
    const cosine = v128.load64_zero(cosines + (at >> 1))
    const sine = v128.load64_zero(sines + (at >> 1))
    const crossed = f32x4.mul(i32x4.shuffle(pairs, pairs, 1, 0, 3, 2), i32x4.shuffle(sine, sine, 0, 0, 1, 1))
    const kept = f32x4.mul(pairs, i32x4.shuffle(cosine, cosine, 0, 0, 1, 1))
    v128.store(out + at, f32x4.add(kept, f32x4.mul(crossed, signs)))
  }
  if (i < headDim) {
    const at = <usize>i << 2
    rotateOne(x + at, x + at + 4, cosines + (at >> 1), sines + (at >> 1), out + at, out + at + 4, sign)
  }
}

function rotateHalves(x: usize, cosines: usize, sines: usize, out: usize, headDim: i32, sign: f32): void {
  const half = <usize>(headDim >> 1) << 2
  const signs = f32x4.splat(sign)
  let at: usize = 0
  for (; at + 16 <= half; at += 16) {
    const first = v128.load(x + at)
    const second = v128.load(x + half + at)
    const cosine = v128.load(cosines + at)
    const sine = f32x4.mul(v128.load(sines + at), signs)
    v128.store(out + at, f32x4.sub(f32x4.mul(first, cosine), f32x4.mul(second, sine)))
    v128.store(out + half + at, f32x4.add(f32x4.mul(first, sine), f32x4.mul(second, cosine)))
  }
  for (; at < half; at += 4)
    rotateOne(x + at, x + half + at, cosines + at, sines + at, out + at, out + half + at, sign)
}

// @ts-ignore: decorator
@inline
function rotateOne(x: usize, y: usize, cosine: usize, sine: usize, outX: usize, outY: usize, sign: f32): void {
  const first = load<f32>(x)
  const second = load<f32>(y)
  const s = load<f32>(sine) * sign
  const c = load<f32>(cosine)
  store<f32>(outX, first * c - second * s)
  store<f32>(outY, first * s + second * c)
}
