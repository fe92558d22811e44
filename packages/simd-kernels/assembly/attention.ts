// Causal attention over the rows of a cache, with the online softmax of Milakov and Gimelshein (2018): one pass over the rows
// in blocks that stay in the first-level cache, rescaling what has been summed whenever a greater score turns up.
// H heads, K kv heads, C head dim; query head h reads kv head ⌊h / (H / K)⌋.

import { exp, LANES, madd, sumOf, sumsOf } from './lanes'
import { get, parallel, privateScratch, put, reserve } from './parallel'
import { exponentials, greatest, scaleAll } from './softmax'

/** Rows of the cache between two looks at the running maximum. */
const BLOCK: i32 = 64

/**
 * q, out [tokens, H, C]; k, v: head h of row r begins at `r · rowStride + h · headStride` floats.
 * The query at t stands at `position + t` and sees the rows up to it.
 */
export function attention(
  q: usize,
  k: usize,
  v: usize,
  out: usize,
  tokens: i32,
  position: i32,
  heads: i32,
  kvHeads: i32,
  headDim: i32,
  rowStride: usize,
  headStride: usize,
  scale: f32,
): void {
  reserve(0, BLOCK << 2)
  put(0, q)
  put(1, k)
  put(2, v)
  put(3, out)
  put(4, tokens)
  put(5, position)
  put(6, heads)
  put(7, heads / kvHeads)
  put(8, headDim)
  put(9, rowStride << 2)
  put(10, headStride << 2)
  put(11, scale)
  const rows = position + (tokens >> 1) + 1 // seen by the average query
  parallel(attendRange, tokens * heads, max(1, 8192 / (rows * headDim)))
}

/** Index head · tokens + t, so that neighbours read the same rows. */
function attendRange(begin: i32, end: i32): void {
  const tokens = get<i32>(4)
  const heads = get<i32>(6)
  const headDim = get<i32>(8)
  for (let index = begin; index < end; index++) {
    const head = index / tokens
    const t = index - head * tokens
    const at = (<usize>(t * heads + head) * <usize>headDim) << 2
    const cache = <usize>(head / get<i32>(7)) * get<usize>(10)
    attend(get<usize>(0) + at, get<usize>(1) + cache, get<usize>(2) + cache, get<usize>(3) + at, get<i32>(5) + t + 1)
  }
}

/** One query of one head over the first `rows` rows. */
function attend(q: usize, k: usize, v: usize, out: usize, rows: i32): void {
  const headDim = get<i32>(8)
  const stride = get<usize>(9)
  const bytes = <usize>headDim << 2
  const scores = privateScratch()
  let top: f32 = -Infinity
  let total: f32 = 0
  memory.fill(out, 0, bytes)
  for (let row = 0; row < rows; row += BLOCK) {
    const count = min(BLOCK, rows - row)
    const from = <usize>row * stride
    scoreRows(q, k + from, scores, count, headDim, stride, get<f32>(11))
    const blockTop = greatest(scores, count)
    if (blockTop > top) {
      const shrink = f32x4.extract_lane(exp(f32x4.splat(top - blockTop)), 0)
      total *= shrink
      if (row > 0) scaleAll(out, shrink, bytes)
      top = blockTop
    }
    total += exponentials(scores, scores, count, top)
    addRows(scores, v + from, out, count, headDim, stride)
  }
  scaleAll(out, <f32>1 / total, bytes)
}

/** scores[r] = scale · q · k[r], four rows at a time. */
function scoreRows(q: usize, k: usize, scores: usize, count: i32, headDim: i32, stride: usize, scale: f32): void {
  const whole = <usize>(headDim & ~(LANES - 1)) << 2
  const bytes = <usize>headDim << 2
  let row = 0
  for (; row + 4 <= count; row += 4) {
    const k0 = k + <usize>row * stride
    const k1 = k0 + stride
    const k2 = k1 + stride
    const k3 = k2 + stride
    let s0 = f32x4.splat(0)
    let s1 = f32x4.splat(0)
    let s2 = f32x4.splat(0)
    let s3 = f32x4.splat(0)
    let c: usize = 0
    for (; c < whole; c += 16) {
      const query = v128.load(q + c)
      s0 = madd(query, v128.load(k0 + c), s0)
      s1 = madd(query, v128.load(k1 + c), s1)
      s2 = madd(query, v128.load(k2 + c), s2)
      s3 = madd(query, v128.load(k3 + c), s3)
    }
    let sums = sumsOf(s0, s1, s2, s3)
    for (; c < bytes; c += 4) {
      const keys = f32x4(load<f32>(k0 + c), load<f32>(k1 + c), load<f32>(k2 + c), load<f32>(k3 + c))
      sums = madd(v128.load32_splat(q + c), keys, sums)
    }
    v128.store(scores + (<usize>row << 2), f32x4.mul(sums, f32x4.splat(scale)))
  }
  for (; row < count; row++) {
    const k0 = k + <usize>row * stride
    let s = f32x4.splat(0)
    let c: usize = 0
    for (; c < whole; c += 16) s = madd(v128.load(q + c), v128.load(k0 + c), s)
    let sum = sumOf(s)
    for (; c < bytes; c += 4) sum += load<f32>(q + c) * load<f32>(k0 + c)
    store<f32>(scores + (<usize>row << 2), sum * scale)
  }
}

/** out += Σ weights[r] · v[r], sixteen columns at a time. */
function addRows(weights: usize, v: usize, out: usize, count: i32, headDim: i32, stride: usize): void {
  const bytes = <usize>headDim << 2
  const end = weights + (<usize>count << 2)
  let c: usize = 0
  for (; c + 64 <= bytes; c += 64) {
    let a0 = v128.load(out + c)
    let a1 = v128.load(out + c, 16)
    let a2 = v128.load(out + c, 32)
    let a3 = v128.load(out + c, 48)
    let value = v + c
    for (let w = weights; w < end; w += 4) {
      const weight = v128.load32_splat(w)
      a0 = madd(weight, v128.load(value), a0)
      a1 = madd(weight, v128.load(value, 16), a1)
      a2 = madd(weight, v128.load(value, 32), a2)
      a3 = madd(weight, v128.load(value, 48), a3)
      value += stride
    }
    v128.store(out + c, a0)
    v128.store(out + c, a1, 16)
    v128.store(out + c, a2, 32)
    v128.store(out + c, a3, 48)
  }
  for (; c + 16 <= bytes; c += 16) {
    let a = v128.load(out + c)
    let value = v + c
    for (let w = weights; w < end; w += 4) {
      a = madd(v128.load32_splat(w), v128.load(value), a)
      value += stride
    }
    v128.store(out + c, a)
  }
  for (; c < bytes; c += 4) {
    let a = load<f32>(out + c)
    let value = v + c
    for (let w = weights; w < end; w += 4) {
      a += load<f32>(w) * load<f32>(value)
      value += stride
    }
    store<f32>(out + c, a)
  }
}
