import { LANES, maxOf } from './lanes'
import { get, parallel, put } from './parallel'

/**
 * out[r] (i32) = the first index of the greatest of the first `limit` numbers of row r of x [rows, columns], or -1 if one of them is NaN
 * or the greatest is infinite.
 */
export function argMax(x: usize, rows: i32, columns: i32, limit: i32, out: usize): void {
  put(0, x)
  put(1, columns)
  put(2, limit)
  put(3, out)
  parallel(argMaxRows, rows, max(1, 16_384 / limit))
}

function argMaxRows(begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const x = get<usize>(0) + (<usize>row * <usize>get<i32>(1) << 2)
    store<i32>(get<usize>(3) + (<usize>row << 2), argMaxOf(x, get<i32>(2)))
  }
}

function argMaxOf(x: usize, count: i32): i32 {
  let tops = f32x4.splat(-Infinity)
  let i = 0
  for (; i + LANES <= count; i += LANES) tops = f32x4.max(tops, v128.load(x + (<usize>i << 2))) // NaN if either is
  let top = maxOf(tops)
  for (; i < count; i++) top = max(top, load<f32>(x + (<usize>i << 2)))
  if (!isFinite(top)) return -1
  const wanted = f32x4.splat(top)
  for (i = 0; i + LANES <= count; i += LANES)
    if (v128.any_true(f32x4.eq(v128.load(x + (<usize>i << 2)), wanted))) break
  for (; i < count; i++) if (load<f32>(x + (<usize>i << 2)) == top) return i
  return unreachable()
}
