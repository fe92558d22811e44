import { madd, sumOf } from './lanes'
import { get, parallel, put } from './parallel'

/** x / sqrt(mean(x²) + eps) · weight (Zhang and Sennrich 2019, equation 4). x, out [rows, dim]; weight [dim]. */
export function rmsNorm(x: usize, weight: usize, out: usize, rows: i32, dim: i32, eps: f32): void {
  put(0, x)
  put(1, weight)
  put(2, out)
  put(3, dim)
  put(4, eps)
  parallel(rmsNormRows, rows, max(1, 16_384 / dim))
}

function rmsNormRows(begin: i32, end: i32): void {
  const dim = get<i32>(3)
  const weight = get<usize>(1)
  const bytes = <usize>dim << 2
  for (let row = begin; row < end; row++) {
    const x = get<usize>(0) + <usize>row * bytes
    const out = get<usize>(2) + <usize>row * bytes
    const scale = <f32>1 / sqrt<f32>(squares(x, bytes) / <f32>dim + get<f32>(4))
    const scales = f32x4.splat(scale)
    let i: usize = 0
    for (; i + 16 <= bytes; i += 16)
      v128.store(out + i, f32x4.mul(f32x4.mul(v128.load(x + i), scales), v128.load(weight + i)))
    for (; i < bytes; i += 4) store<f32>(out + i, load<f32>(x + i) * scale * load<f32>(weight + i))
  }
}

export function squares(x: usize, bytes: usize): f32 {
  let a = f32x4.splat(0)
  let b = f32x4.splat(0)
  let c = f32x4.splat(0)
  let d = f32x4.splat(0)
  let i: usize = 0
  for (; i + 64 <= bytes; i += 64) {
    const xa = v128.load(x + i)
    const xb = v128.load(x + i, 16)
    const xc = v128.load(x + i, 32)
    const xd = v128.load(x + i, 48)
    a = madd(xa, xa, a)
    b = madd(xb, xb, b)
    c = madd(xc, xc, c)
    d = madd(xd, xd, d)
  }
  let sum = sumOf(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)))
  for (; i < bytes; i += 4) {
    const value = load<f32>(x + i)
    sum += value * value
  }
  return sum
}
