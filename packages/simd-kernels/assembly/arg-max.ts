import { LANES, maxOf } from './lanes'

/** The first index of the greatest of `count` numbers; NaN is never the greatest. 0 where there is no other. */
export function argMax(x: usize, count: i32): i32 {
  let tops = f32x4.splat(-Infinity)
  let i = 0
  // pmax(a, b) is `a < b ? b : a`, which keeps a where b is NaN.
  for (; i + LANES <= count; i += LANES) tops = f32x4.pmax(tops, v128.load(x + (<usize>i << 2)))
  let top = maxOf(tops)
  for (; i < count; i++) {
    const value = load<f32>(x + (<usize>i << 2))
    if (value > top) top = value
  }
  for (i = 0; i < count; i++) if (load<f32>(x + (<usize>i << 2)) == top) return i
  return 0
}
