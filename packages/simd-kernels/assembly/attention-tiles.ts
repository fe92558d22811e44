// The inner loops of attention, on four queries at a time and on one. A score, and a sum over values, is the same bits in both:
// a score has four partial sums over every fourth column, and a value is added row by row.
//
// Four queries lie interleaved, [C / 4][query][4 columns]; a single one is every fourth vector of that.

import { LANES, madd, sumOf, sumsOf } from './lanes'

/** Bytes from four columns of a query to the next four. */
export const QUERY_STEP: usize = 64

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

/** scores[i][r] = q[i] · k[r] for four queries and `count` rows. `bytes`: of a row of C columns, C a multiple of 4. */
export function scoreFour(q: usize, k: usize, stride: usize, bytes: usize, scores: usize, width: usize, count: i32): void {
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
    const front = sumsOf(a0, b0, a1, b1)
    const back = sumsOf(a2, b2, a3, b3)
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
      store<f32>(scores + (<usize>row << 2) + i * width, dot(q + (i << 4), k, bytes))
}

/** scores[r] = q · k[r] for one query. */
export function scoreOne(q: usize, k: usize, stride: usize, bytes: usize, scores: usize, count: i32): void {
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
    for (const end = k + bytes; k0 < end; k0 += 16) {
      const z = v128.load(query)
      a = madd(z, v128.load(k0), a)
      b = madd(z, v128.load(k1), b)
      c = madd(z, v128.load(k2), c)
      d = madd(z, v128.load(k3), d)
      query += QUERY_STEP
      k1 += 16
      k2 += 16
      k3 += 16
    }
    v128.store(scores + (<usize>row << 2), sumsOf(a, b, c, d))
    k += stride << 2
  }
  for (; row < count; row++) {
    store<f32>(scores + (<usize>row << 2), dot(q, k, bytes))
    k += stride
  }
}

// @ts-ignore: decorator
@inline
function dot(q: usize, k: usize, bytes: usize): f32 {
  let a = f32x4.splat(0)
  for (const end = k + bytes; k < end; k += 16) {
    a = madd(v128.load(q), v128.load(k), a)
    q += QUERY_STEP
  }
  return sumOf(a)
}

/** [4][count] weights, rows `width` bytes apart, as [count][4]. May read three numbers behind the last. */
export function interleave(weights: usize, width: usize, out: usize, count: i32): void {
  for (const end = out + (<usize>count << 4); out < end; out += 64) {
    const a = v128.load(weights)
    const b = v128.load(weights + width)
    const c = v128.load(weights + 2 * width)
    const d = v128.load(weights + 3 * width)
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

/** out += Σ weights[r] · v[r] for one query. */
export function addOne(weights: usize, v: usize, stride: usize, bytes: usize, out: usize, count: i32): void {
  const end = weights + (<usize>count << 2)
  let c: usize = 0
  for (; c + 128 <= bytes; c += 128) {
    let a0 = v128.load(out + c)
    let a1 = v128.load(out + c, 16)
    let a2 = v128.load(out + c, 32)
    let a3 = v128.load(out + c, 48)
    let a4 = v128.load(out + c, 64)
    let a5 = v128.load(out + c, 80)
    let a6 = v128.load(out + c, 96)
    let a7 = v128.load(out + c, 112)
    let value = v + c
    for (let w = weights; w < end; w += 4) {
      const z = v128.load32_splat(w)
      a0 = madd(z, v128.load(value), a0)
      a1 = madd(z, v128.load(value, 16), a1)
      a2 = madd(z, v128.load(value, 32), a2)
      a3 = madd(z, v128.load(value, 48), a3)
      a4 = madd(z, v128.load(value, 64), a4)
      a5 = madd(z, v128.load(value, 80), a5)
      a6 = madd(z, v128.load(value, 96), a6)
      a7 = madd(z, v128.load(value, 112), a7)
      value += stride
    }
    v128.store(out + c, a0)
    v128.store(out + c, a1, 16)
    v128.store(out + c, a2, 32)
    v128.store(out + c, a3, 48)
    v128.store(out + c, a4, 64)
    v128.store(out + c, a5, 80)
    v128.store(out + c, a6, 96)
    v128.store(out + c, a7, 112)
  }
  for (; c < bytes; c += 16) {
    let a = v128.load(out + c)
    let value = v + c
    for (let w = weights; w < end; w += 4) {
      a = madd(v128.load32_splat(w), v128.load(value), a)
      value += stride
    }
    v128.store(out + c, a)
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
