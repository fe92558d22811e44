// Quantised tokens times panels of quantised weights: integer products of 4 tokens and 8 rows at a time, one block of 32 columns
// after the other, whose sums are scaled and added up in f32.

import { blockStart, blockSum, DOT, Dot, loadUnits, PAIR, Pair, productAdd, unitBytes, WIDEN, Widen, widens } from './integer'
import { f16Factor, f16Mask, loadF16, madd, nibbles } from './lanes'
import { panelBlockBytes, ROWS, valueBytes } from './panels'
import { get, parallel, privateScratch, put, sharedScratch } from './parallel'
import { BLOCK, TOKENS, tokenBytes } from './quantize'

const SPARE_BYTES: usize = 4 * 8 * 4
/** Values of a block, one byte each. */
const BLOCK_VALUES: usize = 8 * 32
/** Scales of a block as f32. */
const BLOCK_SCALES: usize = 8 * 4

/** Private scratch memory: a spare tile, a panel's scales as f32, and, of 4-bit weights, its values as bytes. */
export function matmulScratch(k: i32, bits: i32): usize {
  return SPARE_BYTES + <usize>(k / BLOCK) * (BLOCK_SCALES + (bits == 4 ? BLOCK_VALUES : 0))
}

/** out [tokens, n] = x · panelsᵀ, where x lies quantised in the shared scratch memory. */
export function quantizedMatmul(panels: usize, out: usize, tokens: i32, n: i32, k: i32, bits: i32, product: i32): void {
  put(0, panels)
  put(1, out)
  put(2, tokens)
  put(3, n)
  put(4, k / BLOCK)
  put(5, bits)
  put(6, product)
  parallel(multiplyPanels, (n + ROWS - 1) / ROWS, max(1, 131_072 / (k * tokens)))
}

function multiplyPanels(begin: i32, end: i32): void {
  const tokens = get<i32>(2)
  const n = get<i32>(3)
  const blocks = get<i32>(4)
  const bits = get<i32>(5)
  const product = get<i32>(6)
  const outBytes = <usize>n << 2
  const tileBytes = <usize>(blocks * TOKENS * tokenBytes(product == WIDEN))
  const spare = privateScratch()
  const scales = spare + SPARE_BYTES
  const bytes = scales + <usize>blocks * BLOCK_SCALES
  for (let index = begin; index < end; index++) {
    const panel = get<usize>(0) + <usize>(index * blocks) * <usize>panelBlockBytes(bits)
    unpackScales(panel, scales, blocks, bits)
    if (bits == 4) unpackValues(panel, bytes, blocks)
    const values = bits == 4 ? bytes : panel
    const valueStep = bits == 4 ? BLOCK_VALUES : <usize>panelBlockBytes(8)
    const rows = min(ROWS, n - index * ROWS)
    let x = sharedScratch()
    let to = get<usize>(1) + (<usize>(index * ROWS) << 2)
    for (let token = 0; token < tokens; token += TOKENS) {
      const present = min(TOKENS, tokens - token)
      const whole = rows == ROWS && present == TOKENS
      const tile = whole ? to : spare
      const tileStep = whole ? outBytes : ROWS << 2
      if (ASC_FEATURE_RELAXED_SIMD && product == DOT)
        multiplyTile<Dot>(x, values, valueStep, scales, blocks, tile, tileStep)
      else if (ASC_FEATURE_RELAXED_SIMD && product == PAIR)
        multiplyTile<Pair>(x, values, valueStep, scales, blocks, tile, tileStep)
      else multiplyTile<Widen>(x, values, valueStep, scales, blocks, tile, tileStep)
      if (!whole)
        for (let t = 0; t < present; t++)
          memory.copy(to + <usize>t * outBytes, spare + <usize>(t * ROWS) * 4, <usize>rows << 2)
      x += tileBytes
      to += <usize>TOKENS * outBytes
    }
  }
}

/** The scales of a panel as f32 [blocks][8]. */
function unpackScales(panel: usize, scales: usize, blocks: i32, bits: i32): void {
  const mask = f16Mask()
  const factor = f16Factor()
  let from = panel + <usize>valueBytes(bits)
  for (let block = 0; block < blocks; block++) {
    v128.store(scales, loadF16(from, mask, factor))
    v128.store(scales, loadF16(from + 8, mask, factor), 16)
    from += <usize>panelBlockBytes(bits)
    scales += BLOCK_SCALES
  }
}

/** The 4-bit values of a panel as bytes, in the order of 8-bit values: low halves first, columns 0 to 15. */
function unpackValues(panel: usize, bytes: usize, blocks: i32): void {
  const half = nibbles()
  for (let block = 0; block < blocks; block++) {
    for (let i: usize = 0; i < BLOCK_VALUES / 2; i += 16) {
      const v = v128.load(panel + i)
      v128.store(bytes + i, v128.and(v, half))
      v128.store(bytes + i, v128.and(i16x8.shr_u(v, 4), half), BLOCK_VALUES / 2)
    }
    panel += <usize>panelBlockBytes(4)
    bytes += BLOCK_VALUES
  }
}

/** out [4 tokens][8 rows], by the product `P`. */
function multiplyTile<P>(
  x: usize,
  values: usize,
  valueStep: usize,
  scales: usize,
  blocks: i32,
  out: usize,
  outStep: usize,
): void {
  let a0 = f32x4.splat(0)
  let a1 = f32x4.splat(0)
  let b0 = f32x4.splat(0)
  let b1 = f32x4.splat(0)
  let c0 = f32x4.splat(0)
  let c1 = f32x4.splat(0)
  let d0 = f32x4.splat(0)
  let d1 = f32x4.splat(0)
  for (let block = 0; block < blocks; block++) {
    const end = x + <usize>(TOKENS * (widens<P>() ? 64 : 32))
    const corrections = end + <usize>(TOKENS * 4)
    let i0 = blockStart<P>(corrections)
    let i1 = i0
    let j0 = blockStart<P>(corrections + 4)
    let j1 = j0
    let k0 = blockStart<P>(corrections + 8)
    let k1 = k0
    let l0 = blockStart<P>(corrections + 12)
    let l1 = l0
    for (let w = values; x < end; x += 16) {
      const w0 = loadUnits<P>(w)
      const w1 = loadUnits<P>(w + unitBytes<P>())
      let v = v128.load32_splat(x)
      i0 = productAdd<P>(v, w0, i0)
      i1 = productAdd<P>(v, w1, i1)
      v = v128.load32_splat(x, 4)
      j0 = productAdd<P>(v, w0, j0)
      j1 = productAdd<P>(v, w1, j1)
      v = v128.load32_splat(x, 8)
      k0 = productAdd<P>(v, w0, k0)
      k1 = productAdd<P>(v, w1, k1)
      v = v128.load32_splat(x, 12)
      l0 = productAdd<P>(v, w0, l0)
      l1 = productAdd<P>(v, w1, l1)
      w += 2 * unitBytes<P>()
    }
    const scale0 = v128.load(scales)
    const scale1 = v128.load(scales, 16)
    let scale = v128.load32_splat(x)
    a0 = madd(blockSum<P>(i0, corrections), f32x4.mul(scale, scale0), a0)
    a1 = madd(blockSum<P>(i1, corrections), f32x4.mul(scale, scale1), a1)
    scale = v128.load32_splat(x, 4)
    b0 = madd(blockSum<P>(j0, corrections + 4), f32x4.mul(scale, scale0), b0)
    b1 = madd(blockSum<P>(j1, corrections + 4), f32x4.mul(scale, scale1), b1)
    scale = v128.load32_splat(x, 8)
    c0 = madd(blockSum<P>(k0, corrections + 8), f32x4.mul(scale, scale0), c0)
    c1 = madd(blockSum<P>(k1, corrections + 8), f32x4.mul(scale, scale1), c1)
    scale = v128.load32_splat(x, 12)
    d0 = madd(blockSum<P>(l0, corrections + 12), f32x4.mul(scale, scale0), d0)
    d1 = madd(blockSum<P>(l1, corrections + 12), f32x4.mul(scale, scale1), d1)
    x += 32
    values += valueStep
    scales += BLOCK_SCALES
  }
  v128.store(out, a0)
  v128.store(out, a1, 16)
  out += outStep
  v128.store(out, b0)
  v128.store(out, b1, 16)
  out += outStep
  v128.store(out, c0)
  v128.store(out, c1, 16)
  out += outStep
  v128.store(out, d0)
  v128.store(out, d1, 16)
}
