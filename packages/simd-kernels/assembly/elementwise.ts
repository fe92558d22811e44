// Elementwise kernels over flat f32 arrays. `out` may be one of the inputs.

import { exp, LANES } from './lanes'
import { get, parallel, put } from './parallel'

const GRAIN: i32 = 8192 // elements; some microseconds of work
const BYTES: usize = 4

export function add(a: usize, b: usize, out: usize, count: i32): void {
  put(0, a)
  put(1, b)
  put(2, out)
  parallel(addRange, count, GRAIN)
}

function addRange(begin: i32, end: i32): void {
  const a = get<usize>(0)
  const b = get<usize>(1)
  const out = get<usize>(2)
  let i = <usize>begin * BYTES
  const last = <usize>end * BYTES
  for (; i + 16 <= last; i += 16) v128.store(out + i, f32x4.add(v128.load(a + i), v128.load(b + i)))
  for (; i < last; i += BYTES) store<f32>(out + i, load<f32>(a + i) + load<f32>(b + i))
}

/** silu(a) · b = a / (1 + e^-a) · b, the gate of SwiGLU. */
export function siluMul(a: usize, b: usize, out: usize, count: i32): void {
  put(0, a)
  put(1, b)
  put(2, out)
  parallel(siluMulRange, count, GRAIN / 4)
}

// @ts-ignore: decorator
@inline
function gate(a: v128, b: v128): v128 {
  return f32x4.mul(f32x4.div(a, f32x4.add(f32x4.splat(1), exp(f32x4.neg(a)))), b)
}

function siluMulRange(begin: i32, end: i32): void {
  const a = get<usize>(0)
  const b = get<usize>(1)
  const out = get<usize>(2)
  let i = begin
  for (; i + LANES <= end; i += LANES) {
    const at = <usize>i * BYTES
    v128.store(out + at, gate(v128.load(a + at), v128.load(b + at)))
  }
  for (; i < end; i++) {
    const at = <usize>i * BYTES
    store<f32>(out + at, f32x4.extract_lane(gate(v128.load32_zero(a + at), v128.load32_zero(b + at)), 0))
  }
}
