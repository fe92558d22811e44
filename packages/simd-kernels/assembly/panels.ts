// Unpacks panels of quantised weights for the multiplying loops: values as bytes, scales and minima as f32, see formats.ts.

import {
  BLOCK,
  BLOCK_VALUES,
  groupColumns,
  hasMinima,
  hasTwoLevels,
  headBytes,
  highBits,
  isTabled,
  lowBits,
  Q2_K,
  ROWS,
  smallBytes,
  subColumns,
  valueBytes,
} from './formats'
import { f16Mask, loadF16, nibbles } from './lanes'

/** Added to signed 8-bit values if the dot product takes unsigned bytes. */
export const OFFSET: i32 = 128

/** Bytes of 8 scales as f32. */
export const SCALES: usize = 32

/** The scales of `blocks` blocks of 32 columns from a group's start, as f32 [sub-blocks][8], and the minima. */
export function unpackScales(type: i32, group: usize, blocks: i32, scales: usize, minima: usize, factor: f32): void {
  const mask = f16Mask()
  const factors = f32x4.splat(factor)
  const withMinima = hasMinima(type)
  if (hasTwoLevels(type)) {
    unpackTwoLevels(type, group, blocks, scales, minima, factors)
    return
  }
  const bytes = <usize>(headBytes(type) + valueBytes(type))
  for (const end = scales + <usize>blocks * SCALES; scales < end; scales += SCALES) {
    v128.store(scales, loadF16(group, mask, factors))
    v128.store(scales, loadF16(group + 8, mask, factors), 16)
    if (withMinima) {
      v128.store(minima, loadF16(group + 16, mask, factors))
      v128.store(minima, loadF16(group + 24, mask, factors), 16)
      minima += SCALES
    }
    group += bytes
  }
}

function unpackTwoLevels(type: i32, group: usize, blocks: i32, scales: usize, minima: usize, factors: v128): void {
  const mask = f16Mask()
  const withMinima = hasMinima(type)
  const subs = BLOCK / subColumns(type)
  const values = <usize>valueBytes(type)
  const blocksOfGroup = groupColumns(type) / BLOCK
  const low = nibbles()
  for (let block = 0; block < blocks; block += blocksOfGroup) {
    const d0 = loadF16(group, mask, factors)
    const d1 = loadF16(group + 8, mask, factors)
    const m0 = withMinima ? f32x4.neg(loadF16(group + 16, mask, factors)) : d0
    const m1 = withMinima ? f32x4.neg(loadF16(group + 24, mask, factors)) : d1
    group += <usize>headBytes(type)
    for (let b = 0; b < blocksOfGroup; b++) {
      group += values
      let small = group
      for (let s = 0; s < subs; s++) {
        const bytes = v128.load64_zero(small)
        if (withMinima) {
          let least: v128
          if (type == Q2_K) least = v128.and(i16x8.shr_u(bytes, 4), low)
          else {
            small += <usize>ROWS
            least = v128.load64_zero(small)
          }
          storeScales(least, m0, m1, minima)
          minima += SCALES
        }
        storeScales(type == Q2_K ? v128.and(bytes, low) : bytes, d0, d1, scales)
        scales += SCALES
        small += <usize>ROWS
      }
      group += <usize>smallBytes(type)
    }
  }
}

/** Eight int8 times eight f32 numbers. */
// @ts-ignore: decorator
@inline
function storeScales(small: v128, d0: v128, d1: v128, to: usize): void {
  const words = i16x8.extend_low_i8x16_s(small)
  v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words)), d0))
  v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(words)), d1), 16)
}

/** The values of iq4's indices. */
const TABLE = memory.data<i8>([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], 16)

/** The table of iq4, with `zero` added as for `linear`. */
// @ts-ignore: decorator
@inline
export function iq4Table(zero: i32): v128 {
  return v128.xor(v128.load(TABLE), i8x16.splat(zero == OFFSET ? -128 : 0))
}

/**
 * The values of `blocks` blocks from a group's start, as bytes in the order in which the kernels multiply, with `zero` added as for
 * `linear`.
 */
export function unpackValues(type: i32, group: usize, blocks: i32, to: usize, zero: i32): void {
  const table = iq4Table(zero)
  const blocksOfGroup = groupColumns(type) / BLOCK
  const head = <usize>headBytes(type)
  const bytes = <usize>(valueBytes(type) + smallBytes(type))
  const low = lowBits(type)
  const high = highBits(type)
  for (let block = 0; block < blocks; block++) {
    if (block % blocksOfGroup == 0) group += head
    if (low == 4) {
      if (high == 0) {
        if (isTabled(type)) unpackTabled(group, to, table)
        else unpackFour(group, to)
      } else if (high == 1) unpackFive(group, to)
      else unpackSix(group, to)
    } else if (high == 0) unpackTwo(group, to)
    else unpackThree(group, to)
    group += bytes
    to += BLOCK_VALUES
  }
}

function unpackFour(from: usize, to: usize): void {
  const half = nibbles()
  for (const end = to + 128; to < end; to += 16) {
    const bytes = v128.load(from)
    v128.store(to, v128.and(bytes, half))
    v128.store(to, v128.and(i16x8.shr_u(bytes, 4), half), 128)
    from += 16
  }
}

function unpackTabled(from: usize, to: usize, table: v128): void {
  const half = nibbles()
  for (const end = to + 128; to < end; to += 16) {
    const bytes = v128.load(from)
    v128.store(to, i8x16.swizzle(table, v128.and(bytes, half)))
    v128.store(to, i8x16.swizzle(table, v128.and(i16x8.shr_u(bytes, 4), half)), 128)
    from += 16
  }
}

function unpackFive(from: usize, to: usize): void {
  for (let h: usize = 0; h < 32; h += 16) {
    const bits = v128.load(from + h, 128)
    fiveBits(from + h, to + h, i16x8.shl(bits, 4), bits)
    fiveBits(from + h + 32, to + h + 32, i16x8.shl(bits, 3), i16x8.shr_u(bits, 1))
    fiveBits(from + h + 64, to + h + 64, i16x8.shl(bits, 2), i16x8.shr_u(bits, 2))
    fiveBits(from + h + 96, to + h + 96, i16x8.shl(bits, 1), i16x8.shr_u(bits, 3))
  }
}

// @ts-ignore: decorator
@inline
function fiveBits(from: usize, to: usize, lowBit: v128, highBit: v128): void {
  const half = nibbles()
  const bit = i8x16.splat(16)
  const bytes = v128.load(from)
  v128.store(to, v128.or(v128.and(bytes, half), v128.and(lowBit, bit)))
  v128.store(to, v128.or(v128.and(i16x8.shr_u(bytes, 4), half), v128.and(highBit, bit)), 128)
}

function unpackSix(from: usize, to: usize): void {
  for (let s: usize = 0; s < 64; s += 16) {
    const bits = v128.load(from + s, 128)
    sixBits(from + s, to + s, i16x8.shl(bits, 4), bits)
    sixBits(from + s + 64, to + s + 64, i16x8.shl(bits, 2), i16x8.shr_u(bits, 2))
  }
}

// @ts-ignore: decorator
@inline
function sixBits(from: usize, to: usize, lowBits: v128, highBits: v128): void {
  const half = nibbles()
  const pair = i8x16.splat(48)
  const bytes = v128.load(from)
  v128.store(to, v128.or(v128.and(bytes, half), v128.and(lowBits, pair)))
  v128.store(to, v128.or(v128.and(i16x8.shr_u(bytes, 4), half), v128.and(highBits, pair)), 128)
}

function unpackTwo(from: usize, to: usize): void {
  const pair = i8x16.splat(3)
  for (let s: usize = 0; s < 64; s += 16) {
    const bits = v128.load(from + s)
    v128.store(to + s, v128.and(bits, pair))
    v128.store(to + s, v128.and(i16x8.shr_u(bits, 2), pair), 64)
    v128.store(to + s, v128.and(i16x8.shr_u(bits, 4), pair), 128)
    v128.store(to + s, v128.and(i16x8.shr_u(bits, 6), pair), 192)
  }
}

/** Vector 4 p + s is vector 2 u + h for u = 2 p + (s >> 1) and h = s & 1. */
function unpackThree(from: usize, to: usize): void {
  const pair = i8x16.splat(3)
  const bit = i8x16.splat(4)
  for (let s: usize = 0; s < 64; s += 16) {
    const low = v128.load(from + s)
    // bit u moves to bit 2: for s > 1 all of them lie one further
    const high = i16x8.shr_u(v128.load(from + (s & 16), 64), s < 32 ? 0 : 1)
    v128.store(to + s, v128.or(v128.and(low, pair), v128.and(i16x8.shl(high, 2), bit)))
    v128.store(to + s, v128.or(v128.and(i16x8.shr_u(low, 2), pair), v128.and(high, bit)), 64)
    v128.store(to + s, v128.or(v128.and(i16x8.shr_u(low, 4), pair), v128.and(i16x8.shr_u(high, 2), bit)), 128)
    v128.store(to + s, v128.or(v128.and(i16x8.shr_u(low, 6), pair), v128.and(i16x8.shr_u(high, 4), bit)), 192)
  }
}
