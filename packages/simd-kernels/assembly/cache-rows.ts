// Rows of keys and values as a cache stores them: f32, f16 bits, or q8_0. A q8_0 row of `width` numbers is `width` int8 values, then
// width / 32 scales as f32; number i is value i times scale ⌊i / 32⌋. f16 bits are IEEE's, without infinities and NaN.

import { raw } from './attention-tiles'
import { f16Mask } from './lanes'
import { get, parallel, put, reserve, sharedScratch } from './parallel'
import { scaleAll } from './softmax'

export const F32: i32 = 0
export const F16: i32 = 1
export const Q8: i32 = 2

/** The difference of the exponent biases of f32 and f16. */
export const HALF_FACTOR: f32 = <f32>5192296858534827628530496329220096.0 // 2^112
/** The part of it by which scores are multiplied; the queries are multiplied by the rest. */
export const HALF_REST: f32 = 65536

const BLOCK: i32 = 32

// @ts-ignore: decorator
@inline
export function rowBytes(dtype: i32, width: i32): usize {
  if (dtype == F32) return <usize>width << 2
  if (dtype == F16) return <usize>width << 1
  return <usize>(width + (width >> 3))
}

/**
 * Row t of source [tokens, width] goes to row rows[t] of the target. Returns how many numbers f16 cannot hold: NaN, infinities, and
 * what rounds beyond 65504.
 */
export function writeRows(target: usize, source: usize, rows: usize, tokens: i32, width: i32, dtype: i32): i32 {
  reserve(64, 0)
  const unfit = sharedScratch()
  store<i32>(unfit, 0)
  put(0, target)
  put(1, source)
  put(2, rows)
  put(3, width)
  put(4, dtype)
  put(5, unfit)
  parallel(writeRange, tokens, max(1, 8192 / width))
  return load<i32>(unfit)
}

function writeRange(begin: i32, end: i32): void {
  const width = get<i32>(3)
  const dtype = get<i32>(4)
  const bytes = rowBytes(dtype, width)
  let unfit = 0
  for (let t = begin; t < end; t++) {
    const from = get<usize>(1) + <usize>t * (<usize>width << 2)
    const to = get<usize>(0) + <usize>load<i32>(get<usize>(2) + (<usize>t << 2)) * bytes
    if (dtype == F32) memory.copy(to, from, bytes)
    else if (dtype == F16) unfit += halveRow(from, to, width)
    else quantizeRow(from, to, width)
  }
  if (unfit > 0) atomic.add<i32>(get<usize>(5), unfit)
}

/** Four f32 as f16 bits in i32 lanes, rounded to the nearest, ties to even (Giesen 2012). Beyond f16's range: bits from 0x7c00 on. */
// @ts-ignore: decorator
@inline
function toHalf(x: v128): v128 {
  const magnitude = f32x4.abs(x)
  const sign = v128.and(i32x4.shr_u(v128.xor(x, magnitude), 16), i32x4.splat(0x8000))
  // Below 2^-14 f16 is fixed-point: adding 1/2 rounds to a multiple of 2^-24 and leaves it in the lowest bits.
  const small = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), i32x4.splat(0x3f000000))
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1))
  const rebiased = i32x4.add(i32x4.add(magnitude, odd), i32x4.splat(0xfff - (112 << 23)))
  const large = i32x4.min_u(i32x4.shr_u(rebiased, 13), i32x4.splat(0x7c00))
  const isSmall = i32x4.lt_u(magnitude, i32x4.splat(113 << 23))
  return v128.or(v128.bitselect(small, large, isSmall), sign)
}

/** Returns how many of the numbers do not fit. */
function halveRow(from: usize, to: usize, width: i32): i32 {
  const most = i32x4.splat(0x7bff)
  let unfit = i32x4.splat(0)
  let i = 0
  for (; i + 4 <= width; i += 4) {
    const bits = toHalf(v128.load(from + (<usize>i << 2)))
    unfit = i32x4.sub(unfit, i32x4.gt_u(v128.and(bits, i32x4.splat(0x7fff)), most))
    v128.store_lane<u64>(to + (<usize>i << 1), i16x8.narrow_i32x4_u(bits, bits), 0)
  }
  let count = i32x4.extract_lane(unfit, 0) + i32x4.extract_lane(unfit, 1)
  count += i32x4.extract_lane(unfit, 2) + i32x4.extract_lane(unfit, 3)
  for (; i < width; i++) {
    const bits = i32x4.extract_lane(toHalf(v128.load32_zero(from + (<usize>i << 2))), 0)
    if ((bits & 0x7fff) > 0x7bff) count++
    store<u16>(to + (<usize>i << 1), <u16>bits)
  }
  return count
}

/** Blocks of 32: the scale is the greatest magnitude / 127. A NaN or an infinity makes the whole block NaN when it is read. */
function quantizeRow(from: usize, to: usize, width: i32): void {
  let scales = to + <usize>width
  for (let block = 0; block < width; block += BLOCK) {
    let tops = f32x4.splat(0)
    for (let i: usize = 0; i < 128; i += 16) tops = f32x4.max(tops, f32x4.abs(v128.load(from + i)))
    tops = f32x4.max(tops, i32x4.shuffle(tops, tops, 2, 3, 0, 1))
    const top = max(f32x4.extract_lane(tops, 0), f32x4.extract_lane(tops, 1))
    const factor = f32x4.splat(top == 0 ? 0 : <f32>127 / top)
    for (let i: usize = 0; i < 128; i += 64) {
      const low = i16x8.narrow_i32x4_s(whole(from + i, factor), whole(from + i + 16, factor))
      const high = i16x8.narrow_i32x4_s(whole(from + i + 32, factor), whole(from + i + 48, factor))
      v128.store(to + (i >> 2), i8x16.narrow_i16x8_s(low, high))
    }
    store<f32>(scales, top / 127)
    from += BLOCK << 2
    to += BLOCK
    scales += 4
  }
}

// @ts-ignore: decorator
@inline
function whole(from: usize, factor: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(from), factor)))
}

/** out [tokens, width] as f32: the rows rows[t] of a cache. */
export function readRows(source: usize, rows: usize, out: usize, tokens: i32, width: i32, dtype: i32): void {
  put(0, source)
  put(1, rows)
  put(2, out)
  put(3, width)
  put(4, dtype)
  parallel(readRange, tokens, max(1, 8192 / width))
}

function readRange(begin: i32, end: i32): void {
  const width = get<i32>(3)
  for (let t = begin; t < end; t++) {
    const row = load<i32>(get<usize>(1) + (<usize>t << 2))
    const out = get<usize>(2) + <usize>t * (<usize>width << 2)
    widenRows(get<usize>(0), get<i32>(4), width, row, 1, 0, width, out, width)
    if (get<i32>(4) == F16) scaleAll(out, HALF_FACTOR, <usize>width << 2)
  }
}

/**
 * out [count, outWidth] = columns `column` to `column + columns` of the rows from `row` on, as f32, then zeros up to `outWidth`.
 * f16 numbers come 2^-112 times as large.
 */
export function widenRows(
  cache: usize,
  dtype: i32,
  width: i32,
  row: i32,
  count: i32,
  column: i32,
  columns: i32,
  out: usize,
  outWidth: i32,
): void {
  const bytes = rowBytes(dtype, width)
  let from = cache + <usize>row * bytes
  const outBytes = <usize>outWidth << 2
  for (const end = out + <usize>count * outBytes; out < end; out += outBytes) {
    if (dtype == F32) copyColumns(from + (<usize>column << 2), out, columns)
    else if (dtype == F16) widenHalves(from + (<usize>column << 1), out, columns)
    else widenQ8(from + <usize>column, from + <usize>width + (<usize>(column / BLOCK) << 2), out, columns)
    for (let i = columns; i < outWidth; i++) store<f32>(out + (<usize>i << 2), 0)
    from += bytes
  }
}

// @ts-ignore: decorator
@inline
function copyColumns(from: usize, to: usize, columns: i32): void {
  const end = from + (<usize>columns << 2)
  for (; from + 64 <= end; from += 64) {
    v128.store(to, v128.load(from))
    v128.store(to, v128.load(from, 16), 16)
    v128.store(to, v128.load(from, 32), 32)
    v128.store(to, v128.load(from, 48), 48)
    to += 64
  }
  for (; from < end; from += 4) {
    store<f32>(to, load<f32>(from))
    to += 4
  }
}

// @ts-ignore: decorator
@inline
function widenHalves(from: usize, to: usize, columns: i32): void {
  const mask = f16Mask()
  const end = from + (<usize>columns << 1)
  for (; from + 32 <= end; from += 32) {
    v128.store(to, raw<u16>(from, mask))
    v128.store(to, raw<u16>(from + 8, mask), 16)
    v128.store(to, raw<u16>(from + 16, mask), 32)
    v128.store(to, raw<u16>(from + 24, mask), 48)
    to += 64
  }
  for (; from < end; from += 2) {
    store<i32>(to, (<i32>load<i16>(from) << 13) & 0x8fffffff)
    to += 4
  }
}

// @ts-ignore: decorator
@inline
function widenQ8(from: usize, scales: usize, to: usize, columns: i32): void {
  for (let i = 0; i < columns; i += BLOCK) {
    const scale = v128.load32_splat(scales + (<usize>i >> 3))
    for (let b: usize = 0; b < 32; b += 8) {
      const values = v128.load_ext<i8>(from + <usize>i + b)
      const at = to + (<usize>i + b) * 4
      v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(values)), scale))
      v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(values)), scale), 16)
    }
  }
}
