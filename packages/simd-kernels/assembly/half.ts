// f16 numbers in weights. Processors take a hundred cycles to multiply a subnormal number, and small weights are subnormal as f16.
// So a panel stores its f16 numbers 2^10 times as large, unless one would overflow. That is exact. They are multiplied by a factor
// that is 2^10 times smaller when they are read.

/** f16 bits without the sign: of infinity, and of the least number that would be too large when raised. */
export const INFINITE: i32 = 0x7c00
export const RAISABLE: i32 = 0x5400

/** What f16 bits, shifted into place, are multiplied by, see `loadF16`. */
export function factorOf(isRaised: bool): f32 {
  return reinterpret<f32>((127 + (isRaised ? 102 : 112)) << 23)
}

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

/** 2^10 times an f16 number below 2^6: the exponent is increased; a subnormal number gets an exponent. */
// @ts-ignore: decorator
@inline
export function raised(bits: u16): u16 {
  const magnitude = <i32>bits & 0x7fff
  if (magnitude >= 0x400) return bits + (10 << 10)
  if (magnitude == 0) return bits
  const power = 31 - clz<i32>(magnitude) // the number is 2^(power - 24) · 1.…
  return (bits & 0x8000) | <u16>(((power + 1) << 10) | ((magnitude << (10 - power)) & 0x3ff))
}
