// Decodes GGUF's blocks, 32 numbers at a time: values as unsigned bytes (q8_0: signed), and scales as they are stored.

import {
  groupColumns,
  IQ4_NL,
  IQ4_XS,
  Q2_K,
  Q3_K,
  Q4_0,
  Q4_1,
  Q4_K,
  Q5_0,
  Q5_1,
  Q5_K,
  Q6_K,
  Q8_0,
} from './formats'
import { nibbles } from './lanes'

/** Bytes of a group of one row in a file: a block of 32, or of 256. */
export function sourceBytes(type: i32): i32 {
  if (type == Q4_0 || type == IQ4_NL) return 18
  if (type == Q4_1) return 20
  if (type == Q5_0) return 22
  if (type == Q5_1) return 24
  if (type == Q8_0) return 34
  if (type == Q2_K) return 84
  if (type == Q3_K) return 110
  if (type == Q4_K) return 144
  if (type == Q5_K) return 176
  if (type == Q6_K) return 210
  return 136 // iq4_xs
}

/** Bytes of a row of k columns in a file. */
export function sourceRowBytes(type: i32, k: i32): usize {
  return <usize>(k / groupColumns(type)) * <usize>sourceBytes(type)
}

/** Where a group has its f16 scale. */
export function scaleAt(type: i32): usize {
  if (type == Q2_K) return 80
  if (type == Q3_K) return 108
  return type == Q6_K ? 208 : 0
}

/** Where a group of a type that has minima has its f16 minimum, or the scale of the minima. */
export function minimumAt(type: i32): usize {
  return type == Q2_K ? 82 : 2
}

/** The small scale of sub-block i of a group; of q2_k the byte that holds scale and minimum. */
export function smallScaleOf(type: i32, group: usize, i: i32): i32 {
  const at = group + <usize>i
  if (type == Q2_K) return <i32>load<u8>(at)
  if (type == Q6_K) return <i32>load<i8>(at, 192)
  if (type == Q3_K) {
    const low = (<i32>load<u8>(group + <usize>(i & 7), 96) >> ((i >> 3) << 2)) & 15
    const high = (<i32>load<u8>(group + <usize>(i & 3), 104) >> ((i >> 2) << 1)) & 3
    return (low | (high << 4)) - 32
  }
  if (type == IQ4_XS) {
    const low = (<i32>load<u8>(group + <usize>(i >> 1), 4) >> ((i & 1) << 2)) & 15
    const high = (<i32>load<u16>(group, 2) >> (i << 1)) & 3
    return (low | (high << 4)) - 32
  }
  if (i < 4) return <i32>load<u8>(at, 4) & 63
  return (<i32>load<u8>(at, 8) & 15) | ((<i32>load<u8>(at) >> 6) << 4)
}

/** The small minimum of sub-block i of a group of q4_k or q5_k. */
export function smallMinimumOf(group: usize, i: i32): i32 {
  const at = group + <usize>i
  if (i < 4) return <i32>load<u8>(at, 8) & 63
  return (<i32>load<u8>(at, 8) >> 4) | ((<i32>load<u8>(at, 4) >> 6) << 4)
}

/** The 32 values of block `b` of a group, each byte flipped by `flip`. */
export function decodeBlock(type: i32, group: usize, b: i32, to: usize, flip: i32): void {
  const half = nibbles()
  if (type == Q8_0) {
    const flips = i8x16.splat(<i8>flip)
    v128.store(to, v128.xor(v128.load(group, 2), flips))
    v128.store(to, v128.xor(v128.load(group, 18), flips), 16)
  } else if (type == Q4_0 || type == IQ4_NL) storeNibbles(v128.load(group, 2), to)
  else if (type == Q4_1) storeNibbles(v128.load(group, 4), to)
  else if (type == IQ4_XS) storeNibbles(v128.load(group + <usize>(b << 4), 8), to)
  else if (type == Q5_0) {
    storeNibbles(v128.load(group, 6), to)
    addFifthBits(load<u32>(group, 2), to)
  } else if (type == Q5_1) {
    storeNibbles(v128.load(group, 8), to)
    addFifthBits(load<u32>(group, 4), to)
  } else
    for (let i: usize = 0; i < 32; i += 16) {
      let values: v128
      if (type == Q4_K || type == Q5_K) {
        const at = group + (type == Q4_K ? 16 : 48) + <usize>((b >> 1) << 5) + i
        values = v128.and(i16x8.shr_u(v128.load(at), (b & 1) << 2), half)
        if (type == Q5_K) values = v128.or(values, bitsOf(v128.load(group + i, 16), b, 1, 4))
      } else {
        const part = <usize>(b >> 2)
        const shift = (b & 3) << 1
        if (type == Q6_K) {
          const low = v128.load(group + (part << 6) + <usize>((b & 1) << 5) + i)
          values = v128.and(i16x8.shr_u(low, (b & 2) << 1), half)
          values = v128.or(values, bitsOf(v128.load(group + (part << 5) + i, 128), shift, 3, 4))
        } else {
          values = bitsOf(v128.load(group + (part << 5) + i + (type == Q2_K ? 16 : 32)), shift, 3, 0)
          if (type == Q3_K) values = v128.or(values, bitsOf(v128.load(group + i), b, 1, 2))
        }
      }
      v128.store(to + i, values)
    }
}

/** The low halves of 16 bytes, then the high halves. */
// @ts-ignore: decorator
@inline
function storeNibbles(bytes: v128, to: usize): void {
  v128.store(to, v128.and(bytes, nibbles()))
  v128.store(to, v128.and(i16x8.shr_u(bytes, 4), nibbles()), 16)
}

/** Bit i of `bits` becomes bit 4 of byte i. */
function addFifthBits(bits: u32, to: usize): void {
  const four = i32x4.splat(bits)
  const each = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128)
  const bit = i8x16.splat(16)
  const a = i8x16.shuffle(four, four, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1)
  const b = i8x16.shuffle(four, four, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3)
  v128.store(to, v128.or(v128.load(to), v128.and(i8x16.eq(v128.and(a, each), each), bit)))
  v128.store(to, v128.or(v128.load(to, 16), v128.and(i8x16.eq(v128.and(b, each), each), bit)), 16)
}

/** Of each byte the bits from `shift` that `mask` keeps, moved to bit `to`. */
// @ts-ignore: decorator
@inline
function bitsOf(bytes: v128, shift: i32, mask: i8, to: i32): v128 {
  return i16x8.shl(v128.and(i16x8.shr_u(bytes, shift), i8x16.splat(mask)), to)
}
