// Elementwise kernels over flat f32 arrays. `out` may be one of the inputs. Each function is applied to whole vectors, and
// to the remaining numbers one at a time, in the same arithmetic.

import { exp, LANES } from './lanes'
import { get, parallel, put } from './parallel'

export const GRAIN: i32 = 8192 // elements; some microseconds of work

const A: i32 = 0
const B: i32 = 1
const OUT: i32 = 2
const FACTOR: i32 = 3

/** a + b. */
export function add(a: usize, b: usize, out: usize, count: i32): void {
  putAll(a, b, out)
  parallel(addRange, count, GRAIN)
}

/** a · b. */
export function mul(a: usize, b: usize, out: usize, count: i32): void {
  putAll(a, b, out)
  parallel(mulRange, count, GRAIN)
}

/** factor · x. */
export function scale(x: usize, factor: f32, out: usize, count: i32): void {
  putAll(x, x, out)
  put(FACTOR, factor)
  parallel(scaleRange, count, GRAIN)
}

/** max(x, 0); NaN of NaN. */
export function relu(x: usize, out: usize, count: i32): void {
  putAll(x, x, out)
  parallel(reluRange, count, GRAIN)
}

/**
 * The tanh form of GELU (Hendrycks and Gimpel 2016): x / 2 · (1 + tanh u) = x / (1 + e^(-2u)), u = sqrt(2 / π) (x + 0.044715 x³).
 */
export function gelu(x: usize, out: usize, count: i32): void {
  putAll(x, x, out)
  parallel(geluRange, count, GRAIN / 4)
}

/** silu(a) · b = a / (1 + e^-a) · b, the gate of SwiGLU. */
export function siluMul(a: usize, b: usize, out: usize, count: i32): void {
  putAll(a, b, out)
  parallel(siluMulRange, count, GRAIN / 4)
}

function putAll(a: usize, b: usize, out: usize): void {
  put(A, a)
  put(B, b)
  put(OUT, out)
}

// What is computed. Each range function below is compiled for one of these.
const ADD: i32 = 0
const MUL: i32 = 1
const SCALE: i32 = 2
const RELU: i32 = 3
const GELU: i32 = 4
const SILU_MUL: i32 = 5

// @ts-ignore: decorator
@inline
function apply(kind: i32, a: v128, b: v128): v128 {
  if (kind == ADD) return f32x4.add(a, b)
  if (kind == MUL || kind == SCALE) return f32x4.mul(a, b)
  if (kind == RELU) return f32x4.max(a, f32x4.splat(0))
  // Below -100 the gate does not get nearer to 0, because the exponential is clamped. So x is clamped too.
  const bounded = f32x4.max(a, f32x4.splat(-100))
  if (kind == GELU) return f32x4.mul(bounded, geluGate(bounded))
  return f32x4.mul(f32x4.mul(bounded, sigmoid(bounded)), b)
}

/** 1 / (1 + e^-x). */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1)
  return f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))))
}

/** gelu(x) / x. */
// @ts-ignore: decorator
@inline
export function geluGate(x: v128): v128 {
  const square = f32x4.add(f32x4.mul(f32x4.mul(x, x), f32x4.splat(0.044715)), f32x4.splat(1))
  return sigmoid(f32x4.mul(f32x4.mul(x, f32x4.splat(<f32>1.5957691216057308)), square)) // 2 sqrt(2 / π)
}

// @ts-ignore: decorator
@inline
function range(kind: i32, begin: i32, end: i32): void {
  const a = get<usize>(A)
  const b = get<usize>(B)
  const out = get<usize>(OUT)
  const factor = f32x4.splat(get<f32>(FACTOR))
  let i = begin
  for (; i + LANES <= end; i += LANES) {
    const at = <usize>i << 2
    v128.store(out + at, apply(kind, v128.load(a + at), kind == SCALE ? factor : v128.load(b + at)))
  }
  for (; i < end; i++) {
    const at = <usize>i << 2
    const second = kind == SCALE ? factor : v128.load32_zero(b + at)
    store<f32>(out + at, f32x4.extract_lane(apply(kind, v128.load32_zero(a + at), second), 0))
  }
}

function addRange(begin: i32, end: i32): void {
  range(ADD, begin, end)
}

function mulRange(begin: i32, end: i32): void {
  range(MUL, begin, end)
}

function scaleRange(begin: i32, end: i32): void {
  range(SCALE, begin, end)
}

function reluRange(begin: i32, end: i32): void {
  range(RELU, begin, end)
}

function geluRange(begin: i32, end: i32): void {
  range(GELU, begin, end)
}

function siluMulRange(begin: i32, end: i32): void {
  range(SILU_MUL, begin, end)
}
