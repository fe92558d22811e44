// Four lanes at a time: the arithmetic that the kernels share.

/** The vectors' unit: four f32 or i32, or sixteen i8. */
export const LANES: i32 = 4

/** a · b + c in each lane: one rounding if the build is relaxed and the machine has fma, otherwise two. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c)
  return f32x4.add(f32x4.mul(a, b), c)
}

// @ts-ignore: decorator
@inline
export function sumOf(v: v128): f32 {
  const pairs = f32x4.add(v, i32x4.shuffle(v, v, 2, 3, 0, 1))
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1)
}

// @ts-ignore: decorator
@inline
export function maxOf(v: v128): f32 {
  const pairs = f32x4.max(v, i32x4.shuffle(v, v, 2, 3, 0, 1))
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1))
}

/** Lane i of the result is the sum over vector i: [Σa, Σb, Σc, Σd]. */
// @ts-ignore: decorator
@inline
export function sumsOf(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(i32x4.shuffle(a, b, 0, 1, 4, 5), i32x4.shuffle(a, b, 2, 3, 6, 7))
  const cd = f32x4.add(i32x4.shuffle(c, d, 0, 1, 4, 5), i32x4.shuffle(c, d, 2, 3, 6, 7))
  return f32x4.add(i32x4.shuffle(ab, cd, 0, 2, 4, 6), i32x4.shuffle(ab, cd, 1, 3, 5, 7))
}

// Constants of loops are loaded from memory: V8 would build a known constant again at each use, in three instructions.
const EXP = memory.data<f32>(
  [
    // the bounds
    88.3, 88.3, 88.3, 88.3, -87.3, -87.3, -87.3, -87.3,
    // log2 e, 3 · 2^22, and ln 2 in two parts
    1.44269504088896341, 1.44269504088896341, 1.44269504088896341, 1.44269504088896341,
    12582912, 12582912, 12582912, 12582912,
    -0.693359375, -0.693359375, -0.693359375, -0.693359375,
    2.1219444e-4, 2.1219444e-4, 2.1219444e-4, 2.1219444e-4,
    // the polynomial, highest power first
    8.290272206068039e-3, 8.290272206068039e-3, 8.290272206068039e-3, 8.290272206068039e-3,
    4.189816117286682e-2, 4.189816117286682e-2, 4.189816117286682e-2, 4.189816117286682e-2,
    0.1666763871908188, 0.1666763871908188, 0.1666763871908188, 0.1666763871908188,
    0.4999914765357971, 0.4999914765357971, 0.4999914765357971, 0.4999914765357971,
    0.9999997019767761, 0.9999997019767761, 0.9999997019767761, 0.9999997019767761,
    1, 1, 1, 1,
  ],
  16,
)

/**
 * e^x with a relative error of 2e-7, for x between -87.3 and 88.3; beyond, the value at the bound; NaN for NaN.
 * x = n ln 2 + r with |r| ≤ ln 2 / 2 (Cody and Waite); e^r is a minimax polynomial (relative error 9.4e-8). Adding
 * 3 · 2^22 rounds to a whole number, n, and leaves it in the lowest bits, from where it is added to the exponent.
 */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  const bounded = f32x4.pmax(f32x4.pmin(x, v128.load(EXP)), v128.load(EXP, 16))
  const shifter = v128.load(EXP, 48)
  const shifted = f32x4.add(f32x4.mul(bounded, v128.load(EXP, 32)), shifter)
  const n = f32x4.sub(shifted, shifter)
  const r = madd(n, v128.load(EXP, 80), madd(n, v128.load(EXP, 64), bounded))
  let p = madd(v128.load(EXP, 96), r, v128.load(EXP, 112))
  p = madd(p, r, v128.load(EXP, 128))
  p = madd(p, r, v128.load(EXP, 144))
  p = madd(p, r, v128.load(EXP, 160))
  p = madd(p, r, v128.load(EXP, 176))
  return i32x4.add(p, i32x4.shl(shifted, 23))
}

const F16_MASK = memory.data<u32>([0x8fffffff, 0x8fffffff, 0x8fffffff, 0x8fffffff], 16)
const NIBBLES = memory.data<u32>([0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f], 16)

// @ts-ignore: decorator
@inline
export function f16Mask(): v128 {
  return v128.load(F16_MASK)
}

/** The low half of each byte. */
// @ts-ignore: decorator
@inline
export function nibbles(): v128 {
  return v128.load(NIBBLES)
}

/**
 * Four f16 bit patterns as f32. A shift moves the exponent to its place, except for the difference of the biases, 127 - 15 = 112, so the
 * factor is 2^112, or less for weights that were scaled up when they were packed (see half.ts). Infinities and NaN do not occur.
 */
// @ts-ignore: decorator
@inline
export function loadF16(pointer: usize, mask: v128, factor: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(v128.load_ext<i16>(pointer), 13), mask), factor)
}

/** Four bf16 bit patterns as f32. */
// @ts-ignore: decorator
@inline
export function loadBf16(pointer: usize): v128 {
  return i32x4.shl(v128.load_ext<u16>(pointer), 16)
}
