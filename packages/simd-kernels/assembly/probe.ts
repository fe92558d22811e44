// One product each, for the probe of this machine's instructions.

import { madd } from './lanes'

/** The plain build exports it too, but has no such instruction: there it is a trap. */
export function probeDot(a: usize, b: usize, out: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD)
    v128.store(out, i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(a), v128.load(b), v128.load(out)))
  else unreachable()
}

export function probeMadd(a: usize, b: usize, out: usize): void {
  v128.store(out, madd(v128.load(a), v128.load(b), v128.load(out)))
}
