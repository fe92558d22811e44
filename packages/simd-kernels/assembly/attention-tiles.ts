// The inner loops of attention, on four queries at a time and on one. A score, and a sum over values, is the same bits in both:
// a score has four partial sums over every fourth column, and a value is added row by row.
//
// f16 keys and values are read 2^-112 times too small (see `raw`). A factor of the queries corrects 2^96 of that, so that a product
// neither overflows nor underflows, and a factor of the scores corrects the rest. The factor of the weights is 2^112.
//
// Scores are in units of ln 2, so that weights are powers of two. Four queries lie interleaved, [C / 4][query][4 columns]; a single
// one is every fourth vector of that.

import { f16Mask, LANES, madd, sumOf, sumsOf } from './lanes'

/** Bytes from four columns of a query to the next four. */
export const QUERY_STEP: usize = 64
/** A factor of the queries, by which scores are in units of ln 2. */
export const LOG2E: f32 = <f32>1.4426950408889634

/** A query of C numbers times a factor, a vector every `step` bytes; missing columns of the last vector are zeros. */
export function spreadQuery(from: usize, headDim: i32, factor: f32, to: usize, step: usize): void {
  const factors = f32x4.splat(factor)
  let c = 0
  for (; c + LANES <= headDim; c += LANES) {
    v128.store(to, f32x4.mul(v128.load(from + (<usize>c << 2)), factors))
    to += step
  }
  if (c == headDim) return
  v128.store(to, f32x4.splat(0))
  for (let lane = 0; c + lane < headDim; lane++)
    store<f32>(to + (<usize>lane << 2), load<f32>(from + (<usize>(c + lane) << 2)) * factor)
}

/**
 * scores[i][r] = factor · q[i] · k[r] for four queries and `count` rows. `bytes`: of a row of C columns, C a multiple of 4. A row of scores
 * is `width` bytes long.
 */
export function scoreFour(
  q: usize,
  k: usize,
  stride: usize,
  bytes: usize,
  factor: f32,
  scores: usize,
  width: usize,
  count: i32,
): void {
  const factors = f32x4.splat(factor)
  let row = 0
  for (; row + 2 <= count; row += 2) {
    let a0 = f32x4.splat(0)
    let a1 = f32x4.splat(0)
    let a2 = f32x4.splat(0)
    let a3 = f32x4.splat(0)
    let b0 = f32x4.splat(0)
    let b1 = f32x4.splat(0)
    let b2 = f32x4.splat(0)
    let b3 = f32x4.splat(0)
    let query = q
    let key = k
    for (const end = k + bytes; key < end; key += 16) {
      const x = v128.load(key)
      const y = v128.load(key + stride)
      let z = v128.load(query)
      a0 = madd(z, x, a0)
      b0 = madd(z, y, b0)
      z = v128.load(query, 16)
      a1 = madd(z, x, a1)
      b1 = madd(z, y, b1)
      z = v128.load(query, 32)
      a2 = madd(z, x, a2)
      b2 = madd(z, y, b2)
      z = v128.load(query, 48)
      a3 = madd(z, x, a3)
      b3 = madd(z, y, b3)
      query += QUERY_STEP
    }
    const front = f32x4.mul(sumsOf(a0, b0, a1, b1), factors)
    const back = f32x4.mul(sumsOf(a2, b2, a3, b3), factors)
    let to = scores + (<usize>row << 2)
    v128.store_lane<u64>(to, front, 0)
    to += width
    v128.store_lane<u64>(to, front, 1)
    to += width
    v128.store_lane<u64>(to, back, 0)
    to += width
    v128.store_lane<u64>(to, back, 1)
    k += stride << 1
  }
  if (row < count)
    for (let i: usize = 0; i < 4; i++)
      store<f32>(scores + (<usize>row << 2) + i * width, dot<f32>(q + (i << 4), k, bytes) * factor)
}

/** scores[r] = factor · q · k[r] for one query. T: f32, or u16 for f16 bits, see {@link raw}; `bytes` are of a row of T. */
export function scoreOne<T>(
  q: usize,
  k: usize,
  stride: usize,
  bytes: usize,
  factor: f32,
  scores: usize,
  count: i32,
): void {
  const mask = f16Mask()
  let row = 0
  for (; row + 4 <= count; row += 4) {
    let a = f32x4.splat(0)
    let b = f32x4.splat(0)
    let c = f32x4.splat(0)
    let d = f32x4.splat(0)
    let query = q
    let k0 = k
    let k1 = k0 + stride
    let k2 = k1 + stride
    let k3 = k2 + stride
    for (const end = k + bytes; k0 < end; k0 += 4 * sizeof<T>()) {
      const z = v128.load(query)
      a = madd(z, raw<T>(k0, mask), a)
      b = madd(z, raw<T>(k1, mask), b)
      c = madd(z, raw<T>(k2, mask), c)
      d = madd(z, raw<T>(k3, mask), d)
      query += QUERY_STEP
      k1 += 4 * sizeof<T>()
      k2 += 4 * sizeof<T>()
      k3 += 4 * sizeof<T>()
    }
    v128.store(scores + (<usize>row << 2), f32x4.mul(sumsOf(a, b, c, d), f32x4.splat(factor)))
    k += stride << 2
  }
  for (; row < count; row++) {
    store<f32>(scores + (<usize>row << 2), dot<T>(q, k, bytes) * factor)
    k += stride
  }
}

// @ts-ignore: decorator
@inline
function dot<T>(q: usize, k: usize, bytes: usize): f32 {
  const mask = f16Mask()
  let a = f32x4.splat(0)
  for (const end = k + bytes; k < end; k += 4 * sizeof<T>()) {
    a = madd(v128.load(q), raw<T>(k, mask), a)
    q += QUERY_STEP
  }
  return sumOf(a)
}

/** Four numbers: f32 as they are; f16 as 2^-112 times the number, which needs no multiplication. */
// @ts-ignore: decorator
@inline
export function raw<T>(pointer: usize, mask: v128): v128 {
  if (sizeof<T>() == 4) return v128.load(pointer)
  return v128.and(i32x4.shl(v128.load_ext<i16>(pointer), 13), mask)
}

// -125, where powers end; 3 · 2^22; and 2^r on [-1/2, 1/2] as a polynomial, highest power first.
const POWERS = memory.data<f32>(
  [
    -125, -125, -125, -125,
    12582912, 12582912, 12582912, 12582912,
    1.326472731307149e-3, 1.326472731307149e-3, 1.326472731307149e-3, 1.326472731307149e-3,
    9.671512991189957e-3, 9.671512991189957e-3, 9.671512991189957e-3, 9.671512991189957e-3,
    5.550733581185341e-2, 5.550733581185341e-2, 5.550733581185341e-2, 5.550733581185341e-2,
    0.24022242426872253, 0.24022242426872253, 0.24022242426872253, 0.24022242426872253,
    0.6931470036506653, 0.6931470036506653, 0.6931470036506653, 0.6931470036506653,
    1, 1, 1, 1,
  ],
  16,
)

/**
 * 2^x for x up to 127, with a relative error of at most 3e-7 (1.1e-7 of it from the minimax polynomial); 2^-125 for all x below
 * -125; NaN of NaN.
 */
// @ts-ignore: decorator
@inline
export function powerOfTwo(x: v128): v128 {
  const bounded = f32x4.pmax(x, v128.load(POWERS))
  const shifter = v128.load(POWERS, 16)
  const shifted = f32x4.add(bounded, shifter) // the whole number nearest to x, in the lowest bits
  const r = f32x4.sub(bounded, f32x4.sub(shifted, shifter))
  let p = madd(v128.load(POWERS, 32), r, v128.load(POWERS, 48))
  p = madd(p, r, v128.load(POWERS, 64))
  p = madd(p, r, v128.load(POWERS, 80))
  p = madd(p, r, v128.load(POWERS, 96))
  p = madd(p, r, v128.load(POWERS, 112))
  return i32x4.add(p, i32x4.shl(shifted, 23))
}

/** x = 2^(x - top), in place; returns the sum. */
export function powersOfTwo(x: usize, count: i32, top: f32): f32 {
  const tops = f32x4.splat(top)
  let sums = f32x4.splat(0)
  let i = 0
  for (; i + LANES <= count; i += LANES) {
    const at = x + (<usize>i << 2)
    const value = powerOfTwo(f32x4.sub(v128.load(at), tops))
    v128.store(at, value)
    sums = f32x4.add(sums, value)
  }
  let sum = sumOf(sums)
  for (; i < count; i++) {
    const at = x + (<usize>i << 2)
    const value = f32x4.extract_lane(powerOfTwo(f32x4.sub(v128.load32_splat(at), tops)), 0)
    store<f32>(at, value)
    sum += value
  }
  return sum
}

/** [4][count] weights, rows `width` bytes apart, times a factor as [count][4]. May read three numbers behind the last. */
export function interleave(weights: usize, width: usize, factor: f32, out: usize, count: i32): void {
  const factors = f32x4.splat(factor)
  for (const end = out + (<usize>count << 4); out < end; out += 64) {
    const a = f32x4.mul(v128.load(weights), factors)
    const b = f32x4.mul(v128.load(weights + width), factors)
    const c = f32x4.mul(v128.load(weights + 2 * width), factors)
    const d = f32x4.mul(v128.load(weights + 3 * width), factors)
    const ab = i32x4.shuffle(a, b, 0, 4, 1, 5)
    const cd = i32x4.shuffle(c, d, 0, 4, 1, 5)
    const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7)
    const cdHigh = i32x4.shuffle(c, d, 2, 6, 3, 7)
    v128.store(out, i64x2.shuffle(ab, cd, 0, 2))
    v128.store(out, i64x2.shuffle(ab, cd, 1, 3), 16)
    v128.store(out, i64x2.shuffle(abHigh, cdHigh, 0, 2), 32)
    v128.store(out, i64x2.shuffle(abHigh, cdHigh, 1, 3), 48)
    weights += 16
  }
}

/** out[i] += Σ weights[r][i] · v[r] for i < 4 and r < count; the four weights of an r are neighbours, `step` bytes apart for each r. */
export function addFour(
  weights: usize,
  step: usize,
  v: usize,
  stride: usize,
  bytes: usize,
  out: usize,
  count: i32,
): void {
  const end = weights + <usize>count * step
  const out1 = out + bytes
  const out2 = out1 + bytes
  const out3 = out2 + bytes
  let c: usize = 0
  for (; c + 32 <= bytes; c += 32) {
    let a0 = v128.load(out + c)
    let a1 = v128.load(out1 + c)
    let a2 = v128.load(out2 + c)
    let a3 = v128.load(out3 + c)
    let b0 = v128.load(out + c, 16)
    let b1 = v128.load(out1 + c, 16)
    let b2 = v128.load(out2 + c, 16)
    let b3 = v128.load(out3 + c, 16)
    let value = v + c
    for (let w = weights; w < end; w += step) {
      const x = v128.load(value)
      const y = v128.load(value, 16)
      let z = v128.load32_splat(w)
      a0 = madd(z, x, a0)
      b0 = madd(z, y, b0)
      z = v128.load32_splat(w, 4)
      a1 = madd(z, x, a1)
      b1 = madd(z, y, b1)
      z = v128.load32_splat(w, 8)
      a2 = madd(z, x, a2)
      b2 = madd(z, y, b2)
      z = v128.load32_splat(w, 12)
      a3 = madd(z, x, a3)
      b3 = madd(z, y, b3)
      value += stride
    }
    v128.store(out + c, a0)
    v128.store(out1 + c, a1)
    v128.store(out2 + c, a2)
    v128.store(out3 + c, a3)
    v128.store(out + c, b0, 16)
    v128.store(out1 + c, b1, 16)
    v128.store(out2 + c, b2, 16)
    v128.store(out3 + c, b3, 16)
  }
  if (c < bytes) {
    let a0 = v128.load(out + c)
    let a1 = v128.load(out1 + c)
    let a2 = v128.load(out2 + c)
    let a3 = v128.load(out3 + c)
    let value = v + c
    for (let w = weights; w < end; w += step) {
      const x = v128.load(value)
      a0 = madd(v128.load32_splat(w), x, a0)
      a1 = madd(v128.load32_splat(w, 4), x, a1)
      a2 = madd(v128.load32_splat(w, 8), x, a2)
      a3 = madd(v128.load32_splat(w, 12), x, a3)
      value += stride
    }
    v128.store(out + c, a0)
    v128.store(out1 + c, a1)
    v128.store(out2 + c, a2)
    v128.store(out3 + c, a3)
  }
}

/** out [C] += Σ factor · weights[r] · v[r] for one query. T and `bytes` as for {@link scoreOne}. */
export function addOne<T>(
  weights: usize,
  factor: f32,
  v: usize,
  stride: usize,
  bytes: usize,
  out: usize,
  count: i32,
): void {
  const mask = f16Mask()
  const factors = f32x4.splat(factor)
  const end = weights + (<usize>count << 2)
  let c: usize = 0
  for (; c + 32 * sizeof<T>() <= bytes; c += 32 * sizeof<T>()) {
    let a0 = v128.load(out)
    let a1 = v128.load(out, 16)
    let a2 = v128.load(out, 32)
    let a3 = v128.load(out, 48)
    let a4 = v128.load(out, 64)
    let a5 = v128.load(out, 80)
    let a6 = v128.load(out, 96)
    let a7 = v128.load(out, 112)
    let value = v + c
    for (let w = weights; w < end; w += 4) {
      const z = f32x4.mul(v128.load32_splat(w), factors)
      a0 = madd(z, raw<T>(value, mask), a0)
      a1 = madd(z, raw<T>(value + 4 * sizeof<T>(), mask), a1)
      a2 = madd(z, raw<T>(value + 8 * sizeof<T>(), mask), a2)
      a3 = madd(z, raw<T>(value + 12 * sizeof<T>(), mask), a3)
      a4 = madd(z, raw<T>(value + 16 * sizeof<T>(), mask), a4)
      a5 = madd(z, raw<T>(value + 20 * sizeof<T>(), mask), a5)
      a6 = madd(z, raw<T>(value + 24 * sizeof<T>(), mask), a6)
      a7 = madd(z, raw<T>(value + 28 * sizeof<T>(), mask), a7)
      value += stride
    }
    v128.store(out, a0)
    v128.store(out, a1, 16)
    v128.store(out, a2, 32)
    v128.store(out, a3, 48)
    v128.store(out, a4, 64)
    v128.store(out, a5, 80)
    v128.store(out, a6, 96)
    v128.store(out, a7, 112)
    out += 128
  }
  for (; c < bytes; c += 4 * sizeof<T>()) {
    let a = v128.load(out)
    let value = v + c
    for (let w = weights; w < end; w += 4) {
      a = madd(f32x4.mul(v128.load32_splat(w), factors), raw<T>(value, mask), a)
      value += stride
    }
    v128.store(out, a)
    out += 16
  }
}

/** Of four whole numbers. */
// @ts-ignore: decorator
@inline
export function leastOf(list: usize): i32 {
  return min(min(load<i32>(list), load<i32>(list, 4)), min(load<i32>(list, 8), load<i32>(list, 12)))
}

// @ts-ignore: decorator
@inline
export function greatestOf(list: usize): i32 {
  return max(max(load<i32>(list), load<i32>(list, 4)), max(load<i32>(list, 8), load<i32>(list, 12)))
}
