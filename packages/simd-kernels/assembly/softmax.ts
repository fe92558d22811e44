import { exp, LANES, maxOf, sumOf } from './lanes'
import { get, parallel, put } from './parallel'

/** e^(x - max) / Σ e^(x - max) along the last axis. x, out [rows, columns]; `out` may be x. */
export function softmax(x: usize, out: usize, rows: i32, columns: i32): void {
  put(0, x)
  put(1, out)
  put(2, columns)
  parallel(softmaxRows, rows, max(1, 4096 / columns))
}

function softmaxRows(begin: i32, end: i32): void {
  const columns = get<i32>(2)
  const bytes = <usize>columns << 2
  for (let row = begin; row < end; row++) {
    const x = get<usize>(0) + <usize>row * bytes
    const out = get<usize>(1) + <usize>row * bytes
    scaleAll(out, <f32>1 / exponentials(x, out, columns, greatest(x, columns)), bytes)
  }
}

/** The greatest of the `count` numbers at x, at least one. It may skip a NaN: the sum will be NaN then. */
export function greatest(x: usize, count: i32): f32 {
  let i = 0
  let top = f32x4.splat(load<f32>(x))
  for (; i + LANES <= count; i += LANES) top = f32x4.pmax(top, v128.load(x + (<usize>i << 2)))
  let result = maxOf(top)
  for (; i < count; i++) result = max(result, load<f32>(x + (<usize>i << 2)))
  return result
}

/** out = e^(x - shift); returns the sum. */
export function exponentials(x: usize, out: usize, count: i32, shift: f32): f32 {
  const shifts = f32x4.splat(shift)
  let i = 0
  let sums = f32x4.splat(0)
  for (; i + LANES <= count; i += LANES) {
    const at = <usize>i << 2
    const value = exp(f32x4.sub(v128.load(x + at), shifts))
    v128.store(out + at, value)
    sums = f32x4.add(sums, value)
  }
  let sum = sumOf(sums)
  for (; i < count; i++) {
    const at = <usize>i << 2
    const value = f32x4.extract_lane(exp(f32x4.splat(load<f32>(x + at) - shift)), 0)
    store<f32>(out + at, value)
    sum += value
  }
  return sum
}

export function scaleAll(x: usize, factor: f32, bytes: usize): void {
  const factors = f32x4.splat(factor)
  let i: usize = 0
  for (; i + 16 <= bytes; i += 16) v128.store(x + i, f32x4.mul(v128.load(x + i), factors))
  for (; i < bytes; i += 4) store<f32>(x + i, load<f32>(x + i) * factor)
}
