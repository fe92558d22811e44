import { madd, sumOf } from './lanes'
import { get, parallel, put } from './parallel'

/** (x - mean) / sqrt(variance + eps) · weight + bias (Ba et al. 2016, equation 4). x, out [rows, dim]; weight, bias [dim]. */
export function layerNorm(x: usize, weight: usize, bias: usize, out: usize, rows: i32, dim: i32, eps: f32): void {
  put(0, x)
  put(1, weight)
  put(2, bias)
  put(3, out)
  put(4, dim)
  put(5, eps)
  parallel(layerNormRows, rows, max(1, 16_384 / dim))
}

function layerNormRows(begin: i32, end: i32): void {
  const weight = get<usize>(1)
  const bias = get<usize>(2)
  const dim = get<i32>(4)
  const bytes = <usize>dim << 2
  for (let row = begin; row < end; row++) {
    const x = get<usize>(0) + <usize>row * bytes
    const out = get<usize>(3) + <usize>row * bytes
    const mean = sum(x, bytes) / <f32>dim
    const scale = <f32>1 / sqrt<f32>(squaresFrom(x, bytes, mean) / <f32>dim + get<f32>(5))
    const means = f32x4.splat(mean)
    const scales = f32x4.splat(scale)
    let i: usize = 0
    for (; i + 16 <= bytes; i += 16) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + i), means), scales)
      v128.store(out + i, madd(normal, v128.load(weight + i), v128.load(bias + i)))
    }
    for (; i < bytes; i += 4)
      store<f32>(out + i, (load<f32>(x + i) - mean) * scale * load<f32>(weight + i) + load<f32>(bias + i))
  }
}

export function sum(x: usize, bytes: usize): f32 {
  let a = f32x4.splat(0)
  let b = a
  let i: usize = 0
  for (; i + 32 <= bytes; i += 32) {
    a = f32x4.add(a, v128.load(x + i))
    b = f32x4.add(b, v128.load(x + i, 16))
  }
  let total = sumOf(f32x4.add(a, b))
  for (; i < bytes; i += 4) total += load<f32>(x + i)
  return total
}

/** The sum of the squared distances from the mean. */
export function squaresFrom(x: usize, bytes: usize, mean: f32): f32 {
  const means = f32x4.splat(mean)
  let a = f32x4.splat(0)
  let b = a
  let i: usize = 0
  for (; i + 32 <= bytes; i += 32) {
    const c = f32x4.sub(v128.load(x + i), means)
    const d = f32x4.sub(v128.load(x + i, 16), means)
    a = madd(c, c, a)
    b = madd(d, d, b)
  }
  let total = sumOf(f32x4.add(a, b))
  for (; i < bytes; i += 4) {
    const c = load<f32>(x + i) - mean
    total += c * c
  }
  return total
}
