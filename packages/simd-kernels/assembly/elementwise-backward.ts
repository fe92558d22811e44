// Gradients of elementwise functions over flat f32 arrays: d is the gradient of the result. An output may be any of the inputs.

import { GRAIN, geluGate, sigmoid } from './elementwise'
import { LANES } from './lanes'
import { get, parallel, put } from './parallel'

/** Of silu(a) · b, with s = 1 / (1 + e^-a): da = d · b · s (1 + a (1 - s)), db = d · a · s. */
export function siluMulBackward(a: usize, b: usize, d: usize, da: usize, db: usize, count: i32): void {
  put(0, a)
  put(1, b)
  put(2, d)
  put(3, da)
  put(4, db)
  parallel(siluMulRange, count, GRAIN / 4)
}

// @ts-ignore: decorator
@inline
function bounded(x: v128): v128 {
  return f32x4.max(x, f32x4.splat(-100)) // as elementwise.ts bounds it
}

// @ts-ignore: decorator
@inline
function siluGradient(a: v128, s: v128): v128 {
  const one = f32x4.splat(1)
  return f32x4.mul(s, f32x4.add(one, f32x4.mul(a, f32x4.sub(one, s))))
}

function siluMulRange(begin: i32, end: i32): void {
  const last = <usize>end << 2
  let at = <usize>begin << 2
  for (; at + 16 <= last; at += 16) {
    const a = bounded(v128.load(get<usize>(0) + at))
    const b = v128.load(get<usize>(1) + at)
    const d = v128.load(get<usize>(2) + at)
    const s = sigmoid(a)
    v128.store(get<usize>(3) + at, f32x4.mul(f32x4.mul(d, b), siluGradient(a, s)))
    v128.store(get<usize>(4) + at, f32x4.mul(d, f32x4.mul(a, s)))
  }
  for (; at < last; at += 4) {
    const a = bounded(v128.load32_zero(get<usize>(0) + at))
    const b = v128.load32_zero(get<usize>(1) + at)
    const d = v128.load32_zero(get<usize>(2) + at)
    const s = sigmoid(a)
    v128.store_lane<f32>(get<usize>(3) + at, f32x4.mul(f32x4.mul(d, b), siluGradient(a, s)), 0)
    v128.store_lane<f32>(get<usize>(4) + at, f32x4.mul(d, f32x4.mul(a, s)), 0)
  }
}

/** dx = d where x > 0, else 0. */
export function reluBackward(x: usize, d: usize, dx: usize, count: i32): void {
  put(0, x)
  put(1, d)
  put(2, dx)
  parallel(reluRange, count, GRAIN)
}

/** dx = d · (g + x g (1 - g) u'), with the gate g = 1 / (1 + e^-u) of the tanh form, u' = 2 sqrt(2 / π) (1 + 3 · 0.044715 x²). */
export function geluBackward(x: usize, d: usize, dx: usize, count: i32): void {
  put(0, x)
  put(1, d)
  put(2, dx)
  parallel(geluRange, count, GRAIN / 4)
}

// @ts-ignore: decorator
@inline
function reluGradient(x: v128, d: v128): v128 {
  return v128.and(d, f32x4.gt(x, f32x4.splat(0)))
}

// @ts-ignore: decorator
@inline
function geluGradient(x: v128, d: v128): v128 {
  const near = f32x4.min(bounded(x), f32x4.splat(100)) // beyond this, the gate is 0 or 1, and x² must stay finite
  const gate = geluGate(near)
  const slope = f32x4.mul(
    f32x4.splat(<f32>1.5957691216057308),
    f32x4.add(f32x4.splat(1), f32x4.mul(f32x4.splat(<f32>(3 * 0.044715)), f32x4.mul(near, near))),
  )
  const bend = f32x4.mul(f32x4.mul(near, slope), f32x4.mul(gate, f32x4.sub(f32x4.splat(1), gate)))
  return f32x4.mul(d, f32x4.add(gate, bend))
}

// @ts-ignore: decorator
@inline
function range(isGelu: bool, begin: i32, end: i32): void {
  const x = get<usize>(0)
  const d = get<usize>(1)
  const dx = get<usize>(2)
  let i = begin
  for (; i + LANES <= end; i += LANES) {
    const at = <usize>i << 2
    const value = v128.load(x + at)
    v128.store(dx + at, isGelu ? geluGradient(value, v128.load(d + at)) : reluGradient(value, v128.load(d + at)))
  }
  for (; i < end; i++) {
    const at = <usize>i << 2
    const value = v128.load32_zero(x + at)
    const gradient = v128.load32_zero(d + at)
    v128.store_lane<f32>(dx + at, isGelu ? geluGradient(value, gradient) : reluGradient(value, gradient), 0)
  }
}

function reluRange(begin: i32, end: i32): void {
  range(false, begin, end)
}

function geluRange(begin: i32, end: i32): void {
  range(true, begin, end)
}
