// A matrix of f32 or f16 rows times a few vectors: bound by memory, so the rows are read once, as they lie, four streams at a time.
// What a second vector needs of them is in the first-level cache by then.

import { f16Factor, f16Mask, loadFour, loadOne, madd, sumOf, sumsOf } from './lanes'
import { get, parallel, put } from './parallel'

/** Bytes of weights in a chunk. */
const CHUNK: i32 = 65_536

/** out [tokens, n] = x [tokens, k] · rows [n, k]ᵀ. */
export function matvec(x: usize, rows: usize, out: usize, tokens: i32, n: i32, k: i32, half: bool): void {
  put(0, x)
  put(1, rows)
  put(2, out)
  put(3, k)
  put(4, tokens)
  put(5, n)
  const grain = max(1, (half ? CHUNK >> 1 : CHUNK >> 2) / k / 4) * 4
  parallel(half ? multiplyRowsF16 : multiplyRowsF32, n, grain)
}

function multiplyRowsF32(begin: i32, end: i32): void {
  multiplyRows<f32>(begin, end)
}

function multiplyRowsF16(begin: i32, end: i32): void {
  multiplyRows<u16>(begin, end)
}

/** Rows from `begin`, a multiple of 4, so that a row is summed in the same order wherever the range is cut. */
function multiplyRows<T>(begin: i32, end: i32): void {
  const k = get<i32>(3)
  const tokens = get<i32>(4)
  const bytes = <usize>k * sizeof<T>()
  let row = begin
  for (; row + 4 <= end; row += 4)
    for (let token = 0; token < tokens; token++)
      v128.store(outOf(token, row), fourRows<T>(xOf(token, k), get<usize>(1) + <usize>row * bytes, bytes))
  for (; row < end; row++)
    for (let token = 0; token < tokens; token++)
      store<f32>(outOf(token, row), oneRow<T>(xOf(token, k), get<usize>(1) + <usize>row * bytes, bytes))
}

// @ts-ignore: decorator
@inline
function xOf(token: i32, k: i32): usize {
  return get<usize>(0) + ((<usize>token * <usize>k) << 2)
}

// @ts-ignore: decorator
@inline
function outOf(token: i32, row: i32): usize {
  return get<usize>(2) + ((<usize>token * <usize>get<i32>(5) + <usize>row) << 2)
}

function fourRows<T>(x: usize, rows: usize, bytes: usize): v128 {
  const STEP = 4 * sizeof<T>()
  const mask = f16Mask()
  const factor = f16Factor()
  let sumA = f32x4.splat(0)
  let sumB = f32x4.splat(0)
  let sumC = f32x4.splat(0)
  let sumD = f32x4.splat(0)
  let a = rows
  let b = a + bytes
  let c = b + bytes
  let d = c + bytes
  const end = a + bytes
  for (; a + 2 * STEP <= end; a += 2 * STEP) {
    let v = v128.load(x)
    sumA = madd(v, loadFour<T>(a, mask, factor), sumA)
    sumB = madd(v, loadFour<T>(b, mask, factor), sumB)
    sumC = madd(v, loadFour<T>(c, mask, factor), sumC)
    sumD = madd(v, loadFour<T>(d, mask, factor), sumD)
    v = v128.load(x, 16)
    sumA = madd(v, loadFour<T>(a + STEP, mask, factor), sumA)
    sumB = madd(v, loadFour<T>(b + STEP, mask, factor), sumB)
    sumC = madd(v, loadFour<T>(c + STEP, mask, factor), sumC)
    sumD = madd(v, loadFour<T>(d + STEP, mask, factor), sumD)
    x += 32
    b += 2 * STEP
    c += 2 * STEP
    d += 2 * STEP
  }
  let sums = sumsOf(sumA, sumB, sumC, sumD)
  for (; a < end; a += sizeof<T>()) {
    sums = madd(v128.load32_splat(x), f32x4(loadOne<T>(a), loadOne<T>(b), loadOne<T>(c), loadOne<T>(d)), sums)
    x += 4
    b += sizeof<T>()
    c += sizeof<T>()
    d += sizeof<T>()
  }
  return sums
}

function oneRow<T>(x: usize, row: usize, bytes: usize): f32 {
  const STEP = 4 * sizeof<T>()
  const end = row + bytes
  let sums = f32x4.splat(0)
  for (; row + STEP <= end; row += STEP) {
    sums = madd(v128.load(x), loadFour<T>(row, f16Mask(), f16Factor()), sums)
    x += 16
  }
  let sum = sumOf(sums)
  for (; row < end; row += sizeof<T>()) {
    sum += load<f32>(x) * loadOne<T>(row)
    x += 4
  }
  return sum
}
