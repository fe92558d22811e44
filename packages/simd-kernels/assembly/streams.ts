// Panels times one quantised token. Memory is the limit, so a panel is read once, as one stream, and its values are unpacked as they are
// multiplied. Sums add up as in tiles.ts, so results are the same bits.

import { blockStart, blockSum, loadUnits, productAdd, twoProductsAdd, unitBytes, widens } from './integer'
import { f16Mask, loadF16, madd, nibbles } from './lanes'
import { iq4Table } from './panels'

/** What the 4 low bits of values are, as types of kernels that are compiled once for each. */
export type Whole = u8
export type WithFifthBit = u16
export type Index = u32

// @ts-ignore: decorator
@inline
function hasFifthBit<V>(): bool {
  return sizeof<V>() == 2
}

// @ts-ignore: decorator
@inline
function isIndex<V>(): bool {
  return sizeof<V>() == 4
}

/** Whether there are minima, and two levels of scales, as flags of these kernels. */
export const MINIMA: i32 = 1
export const TWO_LEVELS: i32 = 2

/** out [8] = panel · x, of q8_0. */
export function multiplyBytes<P>(x: usize, panel: usize, factor: f32, blocks: i32, out: usize): void {
  const unit = unitBytes<P>()
  const mask = f16Mask()
  const factors = f32x4.splat(factor)
  let a0 = f32x4.splat(0)
  let a1 = f32x4.splat(0)
  for (let block = 0; block < blocks; block++) {
    const corrections = x + (widens<P>() ? 68 : 36)
    const scale = v128.load32_splat(corrections - 4)
    const scale0 = f32x4.mul(scale, loadF16(panel, mask, factors))
    const scale1 = f32x4.mul(scale, loadF16(panel + 8, mask, factors))
    panel += 16
    let i0 = blockStart(corrections)
    let i1 = i0
    for (const end = panel + 256; panel < end; panel += 2 * unit) {
      const v = v128.load32_splat(x)
      i0 = productAdd<P>(v, loadUnits<P>(panel), i0)
      i1 = productAdd<P>(v, loadUnits<P>(panel + unit), i1)
      x += 4
    }
    a0 = madd(blockSum<P>(i0), scale0, a0)
    a1 = madd(blockSum<P>(i1), scale1, a1)
    x += 12
  }
  v128.store(out, a0)
  v128.store(out, a1, 16)
}

/**
 * The same of values of 4 bits, of 5, or of indices of the table of iq4: of a byte the low half is one of the first 16 columns of a
 * block, the high half one of the others. `flags` as above; `zero` as for `linear`.
 */
export function multiplyNibbles<P, V>(
  x: usize,
  panel: usize,
  factor: f32,
  blocks: i32,
  out: usize,
  flags: i32,
  zero: i32,
): void {
  const half = nibbles()
  const bit = i8x16.splat(16)
  const table = iq4Table(zero)
  const mask = f16Mask()
  const factors = f32x4.splat(factor)
  const second: usize = widens<P>() ? 32 : 16 // bytes of activations of half a block
  let a0 = f32x4.splat(0)
  let a1 = f32x4.splat(0)
  let d0 = a0
  let d1 = a0
  let m0 = a0
  let m1 = a0
  for (let block = 0; block < blocks; block++) {
    if ((flags & TWO_LEVELS) == 0 || (block & 7) == 0) {
      d0 = loadF16(panel, mask, factors)
      d1 = loadF16(panel + 8, mask, factors)
      panel += 16
      if (flags & MINIMA) {
        m0 = loadF16(panel, mask, factors)
        m1 = loadF16(panel + 8, mask, factors)
        panel += 16
      }
    }
    const corrections = x + 2 * second + 4
    let i0 = blockStart(corrections)
    let i1 = i0
    let bits0 = half
    let bits1 = half
    if (hasFifthBit<V>()) {
      bits0 = v128.load(panel, 128)
      bits1 = v128.load(panel, 144)
    }
    for (const end = panel + 128; panel < end; panel += 32) {
      const w0 = v128.load(panel)
      const w1 = v128.load(panel, 16)
      let low0 = v128.and(w0, half)
      let low1 = v128.and(w1, half)
      let high0 = v128.and(i16x8.shr_u(w0, 4), half)
      let high1 = v128.and(i16x8.shr_u(w1, 4), half)
      if (hasFifthBit<V>()) {
        low0 = v128.or(low0, v128.and(i16x8.shl(bits0, 4), bit))
        low1 = v128.or(low1, v128.and(i16x8.shl(bits1, 4), bit))
        high0 = v128.or(high0, v128.and(bits0, bit))
        high1 = v128.or(high1, v128.and(bits1, bit))
        bits0 = i16x8.shr_u(bits0, 1)
        bits1 = i16x8.shr_u(bits1, 1)
      }
      if (isIndex<V>()) {
        low0 = lookUp(table, low0)
        low1 = lookUp(table, low1)
        high0 = lookUp(table, high0)
        high1 = lookUp(table, high1)
      }
      let u = v128.load32_splat(x)
      let v = v128.load32_splat(x + second)
      if (widens<P>()) {
        i0 = twoProductsAdd<P>(u, i16x8.extend_low_i8x16_s(low0), v, i16x8.extend_low_i8x16_s(high0), i0)
        i1 = twoProductsAdd<P>(u, i16x8.extend_high_i8x16_s(low0), v, i16x8.extend_high_i8x16_s(high0), i1)
        u = v128.load32_splat(x, 4)
        v = v128.load32_splat(x + second, 4)
        i0 = twoProductsAdd<P>(u, i16x8.extend_low_i8x16_s(low1), v, i16x8.extend_low_i8x16_s(high1), i0)
        i1 = twoProductsAdd<P>(u, i16x8.extend_high_i8x16_s(low1), v, i16x8.extend_high_i8x16_s(high1), i1)
        x += 8
      } else {
        i0 = twoProductsAdd<P>(u, low0, v, high0, i0)
        i1 = twoProductsAdd<P>(u, low1, v, high1, i1)
        x += 4
      }
    }
    if (hasFifthBit<V>()) panel += 32
    let scale0 = d0
    let scale1 = d1
    if (flags & TWO_LEVELS) {
      const small = v128.load_ext<i8>(panel)
      scale0 = f32x4.mul(lowFloats(small), d0)
      scale1 = f32x4.mul(highFloats(small), d1)
      panel += 8
    }
    const scale = v128.load32_splat(corrections - 4)
    a0 = madd(blockSum<P>(i0), f32x4.mul(scale, scale0), a0)
    a1 = madd(blockSum<P>(i1), f32x4.mul(scale, scale1), a1)
    if (flags & MINIMA) {
      const sum = v128.load32_splat(corrections + 4)
      if (flags & TWO_LEVELS) {
        const small = v128.load_ext<i8>(panel)
        a0 = madd(sum, f32x4.neg(f32x4.mul(lowFloats(small), m0)), a0)
        a1 = madd(sum, f32x4.neg(f32x4.mul(highFloats(small), m1)), a1)
        panel += 8
      } else {
        a0 = madd(sum, m0, a0)
        a1 = madd(sum, m1, a1)
      }
    }
    x = corrections + 8
  }
  v128.store(out, a0)
  v128.store(out, a1, 16)
}

/** The same of q6_k, whose sub-blocks have 16 columns: vectors s and s + 4 are of the first one, s + 8 and s + 12 of the second. */
export function multiplySixBits<P>(x: usize, panel: usize, factor: f32, blocks: i32, out: usize): void {
  const half = nibbles()
  const pair = i8x16.splat(48)
  const mask = f16Mask()
  const factors = f32x4.splat(factor)
  const values: usize = widens<P>() ? 32 : 16 // bytes of activations of a sub-block
  let a0 = f32x4.splat(0)
  let a1 = f32x4.splat(0)
  let d0 = a0
  let d1 = a0
  for (let block = 0; block < blocks; block++) {
    if ((block & 7) == 0) {
      d0 = loadF16(panel, mask, factors)
      d1 = loadF16(panel + 8, mask, factors)
      panel += 16
    }
    const second = x + values + 12
    let i0 = blockStart(x + values + 4)
    let i1 = i0
    let j0 = blockStart(second + values + 4)
    let j1 = j0
    let from = x
    for (const end = panel + 64; panel < end; panel += 32) {
      for (let h: usize = 0; h < 32; h += 16) {
        const bits = v128.load(panel + h, 128)
        const near = v128.load(panel + h)
        const far = v128.load(panel + h, 64)
        const first0 = v128.or(v128.and(near, half), v128.and(i16x8.shl(bits, 4), pair))
        const first1 = v128.or(v128.and(far, half), v128.and(i16x8.shl(bits, 2), pair))
        const second0 = v128.or(v128.and(i16x8.shr_u(near, 4), half), v128.and(bits, pair))
        const second1 = v128.or(v128.and(i16x8.shr_u(far, 4), half), v128.and(i16x8.shr_u(bits, 2), pair))
        // Activations of vector s: a unit for two vectors of 4 columns and 4 rows, or one for each of 2 columns and 8 rows.
        const u = v128.load32_splat(from)
        const v = v128.load32_splat(from + values / 2)
        const y = v128.load32_splat(from + values + 12)
        const z = v128.load32_splat(from + values + values / 2 + 12)
        if (widens<P>()) {
          i0 = twoProductsAdd<P>(u, i16x8.extend_low_i8x16_s(first0), v, i16x8.extend_low_i8x16_s(first1), i0)
          i1 = twoProductsAdd<P>(u, i16x8.extend_high_i8x16_s(first0), v, i16x8.extend_high_i8x16_s(first1), i1)
          j0 = twoProductsAdd<P>(y, i16x8.extend_low_i8x16_s(second0), z, i16x8.extend_low_i8x16_s(second1), j0)
          j1 = twoProductsAdd<P>(y, i16x8.extend_high_i8x16_s(second0), z, i16x8.extend_high_i8x16_s(second1), j1)
          from += 4
        } else if (h == 0) {
          i0 = twoProductsAdd<P>(u, first0, v, first1, i0)
          j0 = twoProductsAdd<P>(y, second0, z, second1, j0)
        } else {
          i1 = twoProductsAdd<P>(u, first0, v, first1, i1)
          j1 = twoProductsAdd<P>(y, second0, z, second1, j1)
        }
      }
      if (!widens<P>()) from += 4
    }
    panel += 128
    let small = v128.load_ext<i8>(panel)
    let scale = v128.load32_splat(x + values)
    a0 = madd(blockSum<P>(i0), f32x4.mul(scale, f32x4.mul(lowFloats(small), d0)), a0)
    a1 = madd(blockSum<P>(i1), f32x4.mul(scale, f32x4.mul(highFloats(small), d1)), a1)
    small = v128.load_ext<i8>(panel, 8)
    scale = v128.load32_splat(second + values)
    a0 = madd(blockSum<P>(j0), f32x4.mul(scale, f32x4.mul(lowFloats(small), d0)), a0)
    a1 = madd(blockSum<P>(j1), f32x4.mul(scale, f32x4.mul(highFloats(small), d1)), a1)
    panel += 16
    x = second + values + 12
  }
  v128.store(out, a0)
  v128.store(out, a1, 16)
}

// @ts-ignore: decorator
@inline
function lookUp(table: v128, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indices)
  return i8x16.swizzle(table, indices)
}

/** The first four of eight i16 numbers. */
// @ts-ignore: decorator
@inline
function lowFloats(small: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(small))
}

// @ts-ignore: decorator
@inline
function highFloats(small: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(small))
}
