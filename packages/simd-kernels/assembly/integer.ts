// What the integer kernels are made of. Loops in those kernels stay short: runtimes unroll them as they see fit, and some (V8 before
// its Turboshaft) move all loads of a long straight stretch to its front, where they spill.

/** How values are multiplied: pairs of i16, which every build can; it needs weights in units of two columns. */
export const WIDEN: i32 = 0
/** Groups of four int8 into i32, by the relaxed dot product: weights in units of four columns. */
export const DOT: i32 = 1
/** Pairs of int8 into i16, by the relaxed product that the dot product is made of where it is not one instruction. */
export const PAIR: i32 = 2

/** c + a · b over pairs of neighbouring i16. */
// @ts-ignore: decorator
@inline
export function widenAdd(a: v128, b: v128, c: v128): v128 {
  return i32x4.add(i32x4.dot_i16x8_s(a, b), c)
}

/** c + a · b over groups of four neighbouring int8. What b may hold is for the probe to say. */
// @ts-ignore: decorator
@inline
export function dotAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, c)
  return unreachable()
}

/** c + a · b over pairs of neighbouring int8, in i16: b from 0 to 15, a not -128, then eight of these fit. */
// @ts-ignore: decorator
@inline
export function pairAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.add(i16x8.relaxed_dot_i8x16_i7x16_s(a, b), c)
  return unreachable()
}
