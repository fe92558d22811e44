// Gradients of RMSNorm and LayerNorm. The sums over rows, for weight and bias, are taken over chunks of 32 rows in f32, and over the
// chunks, in order, in f64: the same bits for every number of threads.

import { madd, sumOf } from './lanes'
import { squaresFrom, sum } from './layer-norm'
import { get, parallel, put, reserve, sharedScratch } from './parallel'
import { squares } from './rms-norm'

const CHUNK: i32 = 32

const X: i32 = 0
const WEIGHT: i32 = 1
const D: i32 = 2
const DX: i32 = 3
const DWEIGHT: i32 = 4
const DBIAS: i32 = 5 // 0 for RMSNorm, which has no mean and no bias
const ROWS: i32 = 6
const DIM: i32 = 7
const EPS: i32 = 8

/**
 * LayerNorm: with n = (x - mean) r, r = 1 / sqrt(variance + eps), g = d · weight: dx = r (g - mean(g) - n · mean(g n)), dweight = Σ
 * over rows of d n, dbias = Σ d. RMSNorm, where dbias is 0: with n = x r, r = 1 / sqrt(mean(x²) + eps): dx = r (g - n · mean(g n)).
 * x, d, dx [rows, dim]; weight, dweight, dbias [dim]; dx may be x or d.
 */
export function normBackward(
  x: usize,
  weight: usize,
  d: usize,
  dx: usize,
  dweight: usize,
  dbias: usize,
  rows: i32,
  dim: i32,
  eps: f32,
): void {
  const chunks = (rows + CHUNK - 1) / CHUNK
  reserve(<usize>(2 * chunks) * (<usize>dim << 2), 0)
  put(X, x)
  put(WEIGHT, weight)
  put(D, d)
  put(DX, dx)
  put(DWEIGHT, dweight)
  put(DBIAS, dbias)
  put(ROWS, rows)
  put(DIM, dim)
  put(EPS, eps)
  parallel(chunkRange, chunks, max(1, 512 / dim))
  parallel(joinRange, dim, max(4, 16_384 / chunks))
}

function chunkRange(begin: i32, end: i32): void {
  const dim = get<i32>(DIM)
  const bytes = <usize>dim << 2
  const centred = get<usize>(DBIAS) != 0
  for (let chunk = begin; chunk < end; chunk++) {
    const sums = sharedScratch() + <usize>(2 * chunk) * bytes
    memory.fill(sums, 0, 2 * bytes)
    const last = min(get<i32>(ROWS), (chunk + 1) * CHUNK)
    for (let row = chunk * CHUNK; row < last; row++) {
      const at = <usize>row * bytes
      backwardRow(get<usize>(X) + at, get<usize>(D) + at, get<usize>(DX) + at, sums, sums + bytes, bytes, centred)
    }
  }
}

function backwardRow(x: usize, d: usize, dx: usize, weightSums: usize, biasSums: usize, bytes: usize, centred: bool): void {
  const weight = get<usize>(WEIGHT)
  const dim = <f32>get<i32>(DIM)
  const mean: f32 = centred ? sum(x, bytes) / dim : 0
  const total = centred ? squaresFrom(x, bytes, mean) : squares(x, bytes)
  const scale = <f32>1 / sqrt<f32>(total / dim + get<f32>(EPS))
  const means = f32x4.splat(mean)
  const scales = f32x4.splat(scale)

  // Σ g, and Σ g n.
  let gradients = f32x4.splat(0)
  let products = f32x4.splat(0)
  let others = f32x4.splat(0)
  let i: usize = 0
  for (; i + 32 <= bytes; i += 32) {
    const g = f32x4.mul(v128.load(d + i), v128.load(weight + i))
    const h = f32x4.mul(v128.load(d + i, 16), v128.load(weight + i, 16))
    if (centred) gradients = f32x4.add(gradients, f32x4.add(g, h))
    products = madd(g, f32x4.mul(f32x4.sub(v128.load(x + i), means), scales), products)
    others = madd(h, f32x4.mul(f32x4.sub(v128.load(x + i, 16), means), scales), others)
  }
  products = f32x4.add(products, others)
  for (; i < bytes; i += 4) {
    const n = f32x4.mul(f32x4.sub(v128.load32_zero(x + i), means), scales)
    const g = f32x4.mul(v128.load32_zero(d + i), v128.load32_zero(weight + i)) // 0 in the other lanes
    gradients = f32x4.add(gradients, g)
    products = madd(g, n, products)
  }
  const shift = f32x4.splat(centred ? sumOf(gradients) / dim : 0)
  const lean = f32x4.splat(sumOf(products) / dim)

  for (i = 0; i + 16 <= bytes; i += 16) {
    const n = f32x4.mul(f32x4.sub(v128.load(x + i), means), scales)
    const gradient = v128.load(d + i)
    const g = f32x4.mul(gradient, v128.load(weight + i))
    v128.store(weightSums + i, madd(gradient, n, v128.load(weightSums + i)))
    if (centred) v128.store(biasSums + i, f32x4.add(gradient, v128.load(biasSums + i)))
    v128.store(dx + i, f32x4.mul(scales, f32x4.sub(f32x4.sub(g, shift), f32x4.mul(n, lean))))
  }
  for (; i < bytes; i += 4) {
    const n = (load<f32>(x + i) - mean) * scale
    const gradient = load<f32>(d + i)
    const g = gradient * load<f32>(weight + i)
    store<f32>(weightSums + i, load<f32>(weightSums + i) + gradient * n)
    if (centred) store<f32>(biasSums + i, load<f32>(biasSums + i) + gradient)
    store<f32>(dx + i, scale * (g - f32x4.extract_lane(shift, 0) - n * f32x4.extract_lane(lean, 0)))
  }
}

/** Sums of columns over the chunks. */
function joinRange(begin: i32, end: i32): void {
  const bytes = <usize>get<i32>(DIM) << 2
  const chunks = (get<i32>(ROWS) + CHUNK - 1) / CHUNK
  for (let column = begin; column < end; column++) {
    let weightSum: f64 = 0
    let biasSum: f64 = 0
    let from = sharedScratch() + (<usize>column << 2)
    for (let chunk = 0; chunk < chunks; chunk++) {
      weightSum += load<f32>(from)
      biasSum += load<f32>(from + bytes)
      from += 2 * bytes
    }
    store<f32>(get<usize>(DWEIGHT) + (<usize>column << 2), <f32>weightSum)
    if (get<usize>(DBIAS) != 0) store<f32>(get<usize>(DBIAS) + (<usize>column << 2), <f32>biasSum)
  }
}
