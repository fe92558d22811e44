// What training needs besides gradients of functions: sums over a whole array, rows added by id, and the optimiser's step.

import { madd } from './lanes'
import { argument, get, parallel, put, reserve, sharedScratch } from './parallel'

/** Numbers of a chunk of a sum. */
const CHUNK: i32 = 8192
/** Columns of a chunk of rows that are added. */
const COLUMNS: i32 = 64

/** Σ x in f64: over chunks of 8,192 numbers, and over these, in order. */
export function sum(x: usize, count: i32): f64 {
  put<i32>(2, 0)
  return total(x, count)
}

/** Σ x² in f64, likewise. */
export function sumSquares(x: usize, count: i32): f64 {
  put<i32>(2, 1)
  return total(x, count)
}

function total(x: usize, count: i32): f64 {
  const chunks = (count + CHUNK - 1) / CHUNK
  reserve(<usize>chunks << 3, 0)
  put(0, x)
  put(1, count)
  parallel(sumChunks, chunks, 2)
  let result: f64 = 0
  for (let chunk = 0; chunk < chunks; chunk++) result += load<f64>(sharedScratch() + (<usize>chunk << 3))
  return result
}

function sumChunks(begin: i32, end: i32): void {
  const squared = get<i32>(2) != 0
  for (let chunk = begin; chunk < end; chunk++) {
    let at = get<usize>(0) + (<usize>chunk * CHUNK << 2)
    const count = min(CHUNK, get<i32>(1) - chunk * CHUNK)
    let low = f64x2.splat(0)
    let high = f64x2.splat(0)
    const whole = at + (<usize>(count & ~3) << 2)
    const last = at + (<usize>count << 2)
    for (; at < whole; at += 16) {
      const values = v128.load(at)
      const a = f64x2.promote_low_f32x4(values)
      const b = f64x2.promote_low_f32x4(i32x4.shuffle(values, values, 2, 3, 2, 3))
      low = f64x2.add(low, squared ? f64x2.mul(a, a) : a)
      high = f64x2.add(high, squared ? f64x2.mul(b, b) : b)
    }
    low = f64x2.add(low, high)
    let result = f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1)
    for (; at < last; at += 4) {
      const value = <f64>load<f32>(at)
      result += squared ? value * value : value
    }
    store<f64>(sharedScratch() + (<usize>chunk << 3), result)
  }
}

/** dweight[ids[r]] += d[r] for the rows in order. ids i32 [rows]; d [rows, width]; dweight [vocab, width]. Split over columns. */
export function embeddingBackward(ids: usize, d: usize, dweight: usize, rows: i32, width: i32): void {
  put(0, ids)
  put(1, d)
  put(2, dweight)
  put(3, rows)
  put(4, width)
  parallel(addColumns, (width + COLUMNS - 1) / COLUMNS, max(1, 64 / max(1, rows)))
}

function addColumns(begin: i32, end: i32): void {
  const bytes = <usize>get<i32>(4) << 2
  const first = <usize>(begin * COLUMNS) << 2
  const last = min(bytes, <usize>(end * COLUMNS) << 2)
  for (let row = 0; row < get<i32>(3); row++) {
    const from = get<usize>(1) + <usize>row * bytes
    const to = get<usize>(2) + <usize>load<i32>(get<usize>(0) + (<usize>row << 2)) * bytes
    let i = first
    for (; i + 16 <= last; i += 16) v128.store(to + i, f32x4.add(v128.load(to + i), v128.load(from + i)))
    for (; i < last; i += 4) store<f32>(to + i, load<f32>(to + i) + load<f32>(from + i))
  }
}

/**
 * A step of AdamW (Loshchilov and Hutter 2019, algorithm 2), in place. With g' = factor · g:
 * m += (1 - beta1) (g' - m), v += (1 - beta2) (g'² - v),
 * p = p (1 - lr · weightDecay) - lr / correction1 · m / (sqrt(v / correction2) + eps).
 */
export function adamw(
  p: usize,
  m: usize,
  v: usize,
  g: usize,
  count: i32,
  lr: f64,
  beta1: f64,
  beta2: f64,
  eps: f64,
  weightDecay: f64,
  correction1: f64,
  correction2: f64,
  factor: f64,
): void {
  put(0, p)
  put(1, m)
  put(2, v)
  put(3, g)
  put<f32>(4, <f32>(1 - beta1))
  put<f32>(5, <f32>(1 - beta2))
  put<f32>(6, <f32>eps)
  put<f32>(7, <f32>(1 - lr * weightDecay))
  put<f32>(8, <f32>(-lr / correction1))
  put<f32>(9, <f32>(1 / Math.sqrt(correction2)))
  put<f32>(10, <f32>factor)
  parallel(adamwRange, count, 4096)
}

function adamwRange(begin: i32, end: i32): void {
  const last = <usize>end << 2
  let at = <usize>begin << 2
  for (; at + 16 <= last; at += 16) {
    const g = f32x4.mul(v128.load(get<usize>(3) + at), v128.load32_splat(argument(10)))
    const m = nextMoment(v128.load(get<usize>(1) + at), g, 4)
    const v = nextMoment(v128.load(get<usize>(2) + at), f32x4.mul(g, g), 5)
    v128.store(get<usize>(1) + at, m)
    v128.store(get<usize>(2) + at, v)
    v128.store(get<usize>(0) + at, nextParameter(v128.load(get<usize>(0) + at), m, v))
  }
  for (; at < last; at += 4) {
    const g = f32x4.mul(v128.load32_zero(get<usize>(3) + at), v128.load32_splat(argument(10)))
    const m = nextMoment(v128.load32_zero(get<usize>(1) + at), g, 4)
    const v = nextMoment(v128.load32_zero(get<usize>(2) + at), f32x4.mul(g, g), 5)
    v128.store_lane<f32>(get<usize>(1) + at, m, 0)
    v128.store_lane<f32>(get<usize>(2) + at, v, 0)
    v128.store_lane<f32>(get<usize>(0) + at, nextParameter(v128.load32_zero(get<usize>(0) + at), m, v), 0)
  }
}

/** old + (1 - beta) (next - old). */
// @ts-ignore: decorator
@inline
function nextMoment(old: v128, next: v128, rest: i32): v128 {
  return madd(v128.load32_splat(argument(rest)), f32x4.sub(next, old), old)
}

// @ts-ignore: decorator
@inline
function nextParameter(p: v128, m: v128, v: v128): v128 {
  const root = madd(f32x4.sqrt(v), v128.load32_splat(argument(9)), v128.load32_splat(argument(6)))
  const step = f32x4.div(f32x4.mul(m, v128.load32_splat(argument(8))), root)
  return madd(p, v128.load32_splat(argument(7)), step)
}
