// The parts of the integer kernels. Loops in those kernels are short: runtimes unroll them, and some (V8 before
// its Turboshaft) move all loads of long straight code to its start, where registers spill.

/** How values are multiplied: pairs of i16, which every build can; it needs weights in units of two columns. */
export const WIDEN: i32 = 0
/** Groups of four int8 into i32, by the relaxed dot product: weights in units of four columns. */
export const DOT: i32 = 1
/** Pairs of int8 into i16, by the relaxed product that the dot product is made of where it is not one instruction. Values to 15. */
export const PAIR: i32 = 2
/** The same for values to 63, of which an i16 holds the sum of but two products. */
export const PAIR_OF_TWO: i32 = 3

/** The same as types, for kernels that are compiled once for each. */
export type Widen = i16
export type Dot = i8
export type Pair = u8
export type PairOfTwo = u16

// @ts-ignore: decorator
@inline
export function widens<P>(): bool {
  return isSigned<P>() && sizeof<P>() == 2
}

/** Whether the sums of a block are kept as i16. */
// @ts-ignore: decorator
@inline
function sumsPairs<P>(): bool {
  return !isSigned<P>() && sizeof<P>() == 1
}

/** Whether the products of two units are added up before they are widened. */
// @ts-ignore: decorator
@inline
export function takesTwo<P>(): bool {
  return !isSigned<P>() && sizeof<P>() == 2
}

/** c + a · b in each lane, over 2 or 4 neighbours, as below. */
// @ts-ignore: decorator
@inline
export function productAdd<P>(a: v128, b: v128, c: v128): v128 {
  if (widens<P>()) return i32x4.add(i32x4.dot_i16x8_s(a, b), c)
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (isSigned<P>()) return i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, c)
    return i16x8.add(i16x8.relaxed_dot_i8x16_i7x16_s(a, b), c)
  }
  return unreachable()
}

/**
 * c + a · b + d · e in each lane, over 2 or 4 neighbours. The probe decides which 8-bit values b and e may have; in pairs 0 to 15,
 * in pairs of two 0 to 63.
 */
// @ts-ignore: decorator
@inline
export function twoProductsAdd<P>(a: v128, b: v128, d: v128, e: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (takesTwo<P>()) {
      const pairs = i16x8.add(i16x8.relaxed_dot_i8x16_i7x16_s(a, b), i16x8.relaxed_dot_i8x16_i7x16_s(d, e))
      return i32x4.add(i32x4.extadd_pairwise_i16x8_s(pairs), c)
    }
  }
  return productAdd<P>(d, e, productAdd<P>(a, b, c))
}

/**
 * What the sums of a block start from: the correction of a token. Two i16 sums make one result, so each starts from half of it; an
 * i16 holds these and the products of a block, and no more.
 */
// @ts-ignore: decorator
@inline
export function blockStart(correction: usize): v128 {
  return v128.load32_splat(correction)
}

/** The sums of a block as f32. */
// @ts-ignore: decorator
@inline
export function blockSum<P>(sum: v128): v128 {
  return f32x4.convert_i32x4_s(sumsPairs<P>() ? i32x4.extadd_pairwise_i16x8_s(sum) : sum)
}

/** Bytes of weights, of 8 bits each, that are multiplied at a time. */
// @ts-ignore: decorator
@inline
export function unitBytes<P>(): usize {
  return widens<P>() ? 8 : 16
}

/** The number of weights. */
// @ts-ignore: decorator
@inline
export function loadUnits<P>(values: usize): v128 {
  if (widens<P>()) return v128.load_ext<i8>(values)
  return v128.load(values)
}
