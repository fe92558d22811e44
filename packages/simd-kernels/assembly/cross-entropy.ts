// Softmax with its gradient, and the cross-entropy of a softmax over the vocabulary, which stores no softmax.

import { exp, LANES, madd, sumOf } from './lanes'
import { get, parallel, put } from './parallel'
import { greatest } from './softmax'

/** Numbers that are summed in f32 before they join the sum in f64. */
const CHUNK: i32 = 1024

/** dx = y (d - Σ y d), for y = softmax(x). All are [rows, columns]; dx may be y or d. */
export function softmaxBackward(y: usize, d: usize, dx: usize, rows: i32, columns: i32): void {
  put(0, y)
  put(1, d)
  put(2, dx)
  put(3, columns)
  parallel(softmaxRows, rows, max(1, 8192 / columns))
}

function softmaxRows(begin: i32, end: i32): void {
  const bytes = <usize>get<i32>(3) << 2
  for (let row = begin; row < end; row++) {
    const y = get<usize>(0) + <usize>row * bytes
    const d = get<usize>(1) + <usize>row * bytes
    const dx = get<usize>(2) + <usize>row * bytes
    let sums = f32x4.splat(0)
    let i: usize = 0
    for (; i + 16 <= bytes; i += 16) sums = madd(v128.load(y + i), v128.load(d + i), sums)
    for (; i < bytes; i += 4) sums = madd(v128.load32_zero(y + i), v128.load32_zero(d + i), sums)
    const sum = f32x4.splat(sumOf(sums))
    for (i = 0; i + 16 <= bytes; i += 16)
      v128.store(dx + i, f32x4.mul(v128.load(y + i), f32x4.sub(v128.load(d + i), sum)))
    for (; i < bytes; i += 4) store<f32>(dx + i, load<f32>(y + i) * (load<f32>(d + i) - f32x4.extract_lane(sum, 0)))
  }
}

/** losses[r] = -log softmax(logits[r])[targets[r]], in nats; 0 where targets[r] < 0. logits [rows, columns]; targets i32 [rows]. */
export function crossEntropy(logits: usize, targets: usize, losses: usize, rows: i32, columns: i32): void {
  put(0, logits)
  put(1, targets)
  put(2, losses)
  put(3, columns)
  parallel(lossRows, rows, max(1, 4096 / columns))
}

function lossRows(begin: i32, end: i32): void {
  const columns = get<i32>(3)
  for (let row = begin; row < end; row++) {
    const logits = get<usize>(0) + (<usize>row * <usize>columns << 2)
    const target = load<i32>(get<usize>(1) + (<usize>row << 2))
    let loss: f64 = 0
    if (target >= 0) {
      const top = greatest(logits, columns)
      loss = Math.log(sumOfPowers(logits, columns, top)) + <f64>top - <f64>load<f32>(logits + (<usize>target << 2))
    }
    store<f32>(get<usize>(2) + (<usize>row << 2), <f32>loss)
  }
}

/** Σ e^(x - top), in f64 over chunks of f32 sums. */
function sumOfPowers(x: usize, count: i32, top: f32): f64 {
  const tops = f32x4.splat(top)
  let total: f64 = 0
  for (let chunk = 0; chunk < count; chunk += CHUNK) {
    const end = min(count, chunk + CHUNK)
    let sums = f32x4.splat(0)
    let i = chunk
    for (; i + LANES <= end; i += LANES) sums = f32x4.add(sums, exp(f32x4.sub(v128.load(x + (<usize>i << 2)), tops)))
    for (; i < end; i++) {
      const power = exp(f32x4.sub(v128.load32_splat(x + (<usize>i << 2)), tops))
      sums = f32x4.add(sums, f32x4.replace_lane(f32x4.splat(0), 0, f32x4.extract_lane(power, 0)))
    }
    total += <f64>sumOf(sums)
  }
  return total
}

/**
 * dlogits[r] = dlosses[r] · (softmax(logits[r]) - one at targets[r]); zeros where targets[r] < 0. dlogits may be logits.
 */
export function crossEntropyBackward(
  logits: usize,
  targets: usize,
  dlosses: usize,
  dlogits: usize,
  rows: i32,
  columns: i32,
): void {
  put(0, logits)
  put(1, targets)
  put(2, dlosses)
  put(3, columns)
  put(4, dlogits)
  parallel(gradientRows, rows, max(1, 4096 / columns))
}

function gradientRows(begin: i32, end: i32): void {
  const columns = get<i32>(3)
  for (let row = begin; row < end; row++) {
    const at = <usize>row * <usize>columns << 2
    const logits = get<usize>(0) + at
    const gradient = get<usize>(4) + at
    const target = load<i32>(get<usize>(1) + (<usize>row << 2))
    if (target < 0) {
      memory.fill(gradient, 0, <usize>columns << 2)
      continue
    }
    const dloss = load<f32>(get<usize>(2) + (<usize>row << 2))
    const top = greatest(logits, columns)
    const tops = f32x4.splat(top)
    const factor = f32x4.splat(<f32>(<f64>dloss / sumOfPowers(logits, columns, top)))
    let i = 0
    for (; i + LANES <= columns; i += LANES) {
      const offset = <usize>i << 2
      v128.store(gradient + offset, f32x4.mul(exp(f32x4.sub(v128.load(logits + offset), tops)), factor))
    }
    for (; i < columns; i++) {
      const offset = <usize>i << 2
      const power = exp(f32x4.sub(v128.load32_splat(logits + offset), tops))
      v128.store_lane<f32>(gradient + offset, f32x4.mul(power, factor), 0)
    }
    const hit = gradient + (<usize>target << 2)
    store<f32>(hit, load<f32>(hit) - dloss)
  }
}
