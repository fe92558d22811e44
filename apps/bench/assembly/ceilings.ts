// What WebAssembly can do at most on one thread: loops that do nothing but load, or nothing but multiply and add.
// Twelve sums are independent of each other, so that none waits for its own last addition.

/** Reads `bytes` from `start`, a multiple of 128. The sum is of no use but that it must be computed. */
export function read(start: usize, bytes: usize): i32 {
  let a = i32x4.splat(0)
  let b = a
  let c = a
  let d = a
  let e = a
  let f = a
  let g = a
  let h = a
  for (let at = start, end = start + bytes; at < end; at += 128) {
    a = i32x4.add(a, v128.load(at))
    b = i32x4.add(b, v128.load(at, 16))
    c = i32x4.add(c, v128.load(at, 32))
    d = i32x4.add(d, v128.load(at, 48))
    e = i32x4.add(e, v128.load(at, 64))
    f = i32x4.add(f, v128.load(at, 80))
    g = i32x4.add(g, v128.load(at, 96))
    h = i32x4.add(h, v128.load(at, 112))
  }
  return i32x4.extract_lane(sum12(a, b, c, d, e, f, g, h, a, b, c, d), 0)
}

/** Multiply-adds of f32: 48 a round. `factor` below 1 keeps the sums finite. */
export function multiplyAddF32(rounds: i32, factor: f32, summand: f32): i32 {
  const x = f32x4.splat(factor)
  const y = f32x4.splat(summand)
  let a = y
  let b = y
  let c = y
  let d = y
  let e = y
  let f = y
  let g = y
  let h = y
  let i = y
  let j = y
  let k = y
  let l = y
  for (let round = 0; round < rounds; round++) {
    a = maddF32(a, x, y)
    b = maddF32(b, x, y)
    c = maddF32(c, x, y)
    d = maddF32(d, x, y)
    e = maddF32(e, x, y)
    f = maddF32(f, x, y)
    g = maddF32(g, x, y)
    h = maddF32(h, x, y)
    i = maddF32(i, x, y)
    j = maddF32(j, x, y)
    k = maddF32(k, x, y)
    l = maddF32(l, x, y)
  }
  return i32x4.extract_lane(sum12(a, b, c, d, e, f, g, h, i, j, k, l), 0)
}

/** Multiply-adds of small integers into i32: 12 times {@link I8_WIDTH} a round. */
export function multiplyAddI8(rounds: i32, factor: i32, summand: i32): i32 {
  const x = i8x16.splat(<i8>factor)
  const y = i8x16.splat(<i8>summand)
  let a = y
  let b = y
  let c = y
  let d = y
  let e = y
  let f = y
  let g = y
  let h = y
  let i = y
  let j = y
  let k = y
  let l = y
  for (let round = 0; round < rounds; round++) {
    a = maddI8(a, x, y)
    b = maddI8(b, x, y)
    c = maddI8(c, x, y)
    d = maddI8(d, x, y)
    e = maddI8(e, x, y)
    f = maddI8(f, x, y)
    g = maddI8(g, x, y)
    h = maddI8(h, x, y)
    i = maddI8(i, x, y)
    j = maddI8(j, x, y)
    k = maddI8(k, x, y)
    l = maddI8(l, x, y)
  }
  return i32x4.extract_lane(sum12(a, b, c, d, e, f, g, h, i, j, k, l), 0)
}

/** Products in one vector instruction: the relaxed dot takes bytes, the plain one takes them widened to 16 bits. */
export const I8_WIDTH: i32 = ASC_FEATURE_RELAXED_SIMD ? 16 : 8

// @ts-ignore: decorator
@inline
function maddF32(sum: v128, x: v128, y: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(sum, x, y)
  return f32x4.add(f32x4.mul(sum, x), y)
}

// @ts-ignore: decorator
@inline
function maddI8(sum: v128, x: v128, y: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, y, sum)
  // The sum is a factor too: a product that stays the same would be taken out of the loop.
  return i32x4.add(i32x4.dot_i16x8_s(sum, x), y)
}

// @ts-ignore: decorator
@inline
function sum12(
  a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128, i: v128, j: v128, k: v128, l: v128,
): v128 {
  const abcd = i32x4.add(i32x4.add(a, b), i32x4.add(c, d))
  const efgh = i32x4.add(i32x4.add(e, f), i32x4.add(g, h))
  const ijkl = i32x4.add(i32x4.add(i, j), i32x4.add(k, l))
  return i32x4.add(i32x4.add(abcd, efgh), ijkl)
}
