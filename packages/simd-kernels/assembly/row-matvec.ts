// One vector times unpacked rows of f32 numbers, such as a weight that is being trained: 16 rows at a time, 4 columns of which are
// transposed in registers. Each sum adds up in the order of columns, as in the tiles of matmul.ts, so results are the same bits.

import { madd } from './lanes'
import { get, parallel, put } from './parallel'

/** Bytes of rows in a chunk. */
const CHUNK: i32 = 65_536

/** out [n] = rows [n, k] · x, or with `accumulate` out += rows · x. */
export function rowMatvec(x: usize, rows: usize, out: usize, n: i32, k: i32, accumulate: bool): void {
  put(0, x)
  put(1, rows)
  put(2, out)
  put(3, k)
  put(4, <i32>accumulate)
  parallel(multiplyRows, n, max(1, CHUNK / (64 * k)) * 16)
}

function multiplyRows(begin: i32, end: i32): void {
  const bytes = <usize>get<i32>(3) << 2
  let row = begin
  for (; row + 16 <= end; row += 16) multiplySixteen(get<usize>(0), get<usize>(1) + <usize>row * bytes, outOf(row), bytes)
  for (; row + 4 <= end; row += 4)
    v128.store(outOf(row), multiplyFour(get<usize>(0), get<usize>(1) + <usize>row * bytes, startOf(outOf(row)), bytes))
  for (; row < end; row++) {
    const start = get<i32>(4) != 0 ? v128.load32_splat(outOf(row)) : f32x4.splat(0)
    const sum = multiplyOne(get<usize>(0), get<usize>(1) + <usize>row * bytes, start, bytes)
    v128.store_lane<f32>(outOf(row), sum, 0)
  }
}

// @ts-ignore: decorator
@inline
function outOf(row: i32): usize {
  return get<usize>(2) + (<usize>row << 2)
}

// @ts-ignore: decorator
@inline
function startOf(out: usize): v128 {
  return get<i32>(4) != 0 ? v128.load(out) : f32x4.splat(0)
}

function multiplySixteen(x: usize, rows: usize, out: usize, bytes: usize): void {
  let a = startOf(out)
  let b = startOf(out + 16)
  let c = startOf(out + 32)
  let d = startOf(out + 48)
  const four = bytes << 2
  const end = x + bytes
  for (; x + 16 <= end; x += 16) {
    a = fourColumns(x, rows, bytes, a)
    b = fourColumns(x, rows + four, bytes, b)
    c = fourColumns(x, rows + 2 * four, bytes, c)
    d = fourColumns(x, rows + 3 * four, bytes, d)
    rows += 16
  }
  for (; x < end; x += 4) {
    a = oneColumn(x, rows, bytes, a)
    b = oneColumn(x, rows + four, bytes, b)
    c = oneColumn(x, rows + 2 * four, bytes, c)
    d = oneColumn(x, rows + 3 * four, bytes, d)
    rows += 4
  }
  v128.store(out, a)
  v128.store(out, b, 16)
  v128.store(out, c, 32)
  v128.store(out, d, 48)
}

function multiplyFour(x: usize, rows: usize, sum: v128, bytes: usize): v128 {
  const end = x + bytes
  for (; x + 16 <= end; x += 16) {
    sum = fourColumns(x, rows, bytes, sum)
    rows += 16
  }
  for (; x < end; x += 4) {
    sum = oneColumn(x, rows, bytes, sum)
    rows += 4
  }
  return sum
}

/** Of one row, in every lane. */
function multiplyOne(x: usize, row: usize, sum: v128, bytes: usize): v128 {
  for (const end = x + bytes; x < end; x += 4) {
    sum = madd(v128.load32_splat(x), v128.load32_splat(row), sum)
    row += 4
  }
  return sum
}

/** sum + four columns of four rows times four numbers, in the order of columns. */
// @ts-ignore: decorator
@inline
function fourColumns(x: usize, rows: usize, bytes: usize, sum: v128): v128 {
  const a = v128.load(rows)
  const b = v128.load(rows + bytes)
  const c = v128.load(rows + 2 * bytes)
  const d = v128.load(rows + 3 * bytes)
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5)
  const cd = i32x4.shuffle(c, d, 0, 4, 1, 5)
  const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7)
  const cdHigh = i32x4.shuffle(c, d, 2, 6, 3, 7)
  sum = madd(v128.load32_splat(x), i64x2.shuffle(ab, cd, 0, 2), sum)
  sum = madd(v128.load32_splat(x, 4), i64x2.shuffle(ab, cd, 1, 3), sum)
  sum = madd(v128.load32_splat(x, 8), i64x2.shuffle(abHigh, cdHigh, 0, 2), sum)
  return madd(v128.load32_splat(x, 12), i64x2.shuffle(abHigh, cdHigh, 1, 3), sum)
}

// @ts-ignore: decorator
@inline
function oneColumn(x: usize, rows: usize, bytes: usize, sum: v128): v128 {
  const column = f32x4(
    load<f32>(rows),
    load<f32>(rows + bytes),
    load<f32>(rows + 2 * bytes),
    load<f32>(rows + 3 * bytes),
  )
  return madd(v128.load32_splat(x), column, sum)
}
