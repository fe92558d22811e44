// f16 numbers in weights. Processors take a hundred cycles to multiply a subnormal number, and small weights are subnormal as f16.
// So they are kept 2^10 times as large where none gets too large by it, which is exact, and multiplied by so much less when read.

import { get, parallel, put } from './parallel'

/** The greatest magnitude, as bits, of `count` f16 numbers: above 0x7bff there are infinities or NaN. */
export function greatestHalf(halves: usize, count: i32): i32 {
  const magnitude = i16x8.splat(0x7fff)
  let tops = i16x8.splat(0)
  let i = 0
  for (; i + 8 <= count; i += 8) tops = i16x8.max_u(tops, v128.and(v128.load(halves + (<usize>i << 1)), magnitude))
  let top: i32 = 0
  for (; i < count; i++) top = max(top, <i32>load<u16>(halves + (<usize>i << 1)) & 0x7fff)
  tops = i16x8.max_u(tops, i64x2.shuffle(tops, tops, 1, 0))
  tops = i16x8.max_u(tops, i32x4.shuffle(tops, tops, 1, 0, 3, 2))
  return max(top, max(<i32>i16x8.extract_lane_u(tops, 0), <i32>i16x8.extract_lane_u(tops, 1)))
}

/** Multiplies `count` f16 numbers by 2^10, in place. */
export function raiseHalves(halves: usize, count: i32): void {
  put(0, halves)
  parallel(raiseRange, count, 65_536)
}

function raiseRange(begin: i32, end: i32): void {
  const halves = get<usize>(0)
  for (let i = begin; i < end; i++) {
    const at = halves + (<usize>i << 1)
    store<u16>(at, raised(load<u16>(at)))
  }
}

/** 2^10 times an f16 number below 2^6: a greater exponent, and for a subnormal one the exponent that it lacked. */
// @ts-ignore: decorator
@inline
export function raised(bits: u16): u16 {
  const magnitude = <i32>bits & 0x7fff
  if (magnitude >= 0x400) return bits + (10 << 10)
  if (magnitude == 0) return bits
  const power = 31 - clz<i32>(magnitude) // the number is 2^(power - 24) · 1.…
  return (bits & 0x8000) | <u16>(((power + 1) << 10) | ((magnitude << (10 - power)) & 0x3ff))
}
