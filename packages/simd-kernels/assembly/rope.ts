import { LANES } from './lanes'
import { get, parallel, put } from './parallel'

/**
 * Turns each pair (2i, 2i + 1) of each head by its position's angle (Su et al. 2021, equation 34), as Meta's checkpoints pair them.
 * x, out [rows, heads, headDim]; cosines, sines [tokens, headDim / 2]; row r stands at position r mod tokens. `out` may be x.
 */
export function rope(
  x: usize,
  cosines: usize,
  sines: usize,
  out: usize,
  rows: i32,
  tokens: i32,
  heads: i32,
  headDim: i32,
): void {
  put(0, x)
  put(1, cosines)
  put(2, sines)
  put(3, out)
  put(4, tokens)
  put(5, heads)
  put(6, headDim)
  parallel(ropeRows, rows, max(1, 16_384 / (heads * headDim)))
}

function ropeRows(begin: i32, end: i32): void {
  const x = get<usize>(0)
  const cosines = get<usize>(1)
  const sines = get<usize>(2)
  const out = get<usize>(3)
  const tokens = get<i32>(4)
  const heads = get<i32>(5)
  const headDim = get<i32>(6)
  for (let row = begin; row < end; row++) {
    const angle = <usize>((row % tokens) * (headDim >> 1)) << 2
    for (let head = 0; head < heads; head++) {
      const at = (<usize>(row * heads + head) * <usize>headDim) << 2
      ropeHead(x + at, cosines + angle, sines + angle, out + at, headDim)
    }
  }
}

function ropeHead(x: usize, cosines: usize, sines: usize, out: usize, headDim: i32): void {
  const alternate = f32x4(-1, 1, -1, 1)
  let i = 0
  for (; i + LANES <= headDim; i += LANES) {
    const at = <usize>i << 2
    const pairs = v128.load(x + at)
    const cosine = v128.load64_zero(cosines + (at >> 1))
    const sine = v128.load64_zero(sines + (at >> 1))
    const turned = f32x4.mul(i32x4.shuffle(pairs, pairs, 1, 0, 3, 2), i32x4.shuffle(sine, sine, 0, 0, 1, 1))
    const kept = f32x4.mul(pairs, i32x4.shuffle(cosine, cosine, 0, 0, 1, 1))
    v128.store(out + at, f32x4.add(kept, f32x4.mul(turned, alternate)))
  }
  if (i < headDim) {
    const at = <usize>i << 2
    const first = load<f32>(x + at)
    const second = load<f32>(x + at, 4)
    const cosine = load<f32>(cosines + (at >> 1))
    const sine = load<f32>(sines + (at >> 1))
    store<f32>(out + at, first * cosine - second * sine)
    store<f32>(out + at, first * sine + second * cosine, 4)
  }
}
