// Panels of quantised weights times one quantised token: bound by memory, so a panel is read once, as a stream.

import { blockStart, blockSum, DOT, Dot, loadUnits, PAIR, Pair, productAdd, unitBytes, Widen, widens } from './integer'
import { f16Factor, f16Mask, loadF16, madd, nibbles } from './lanes'
import { panelBlockBytes, ROWS, valueBytes } from './panels'
import { get, parallel, privateScratch, put, sharedScratch } from './parallel'
import { BLOCK } from './quantize'

/** Bytes of weights in a chunk. */
const CHUNK: i32 = 65_536

/** out [n] = panels · x, where x lies quantised in the shared scratch memory. */
export function quantizedMatvec(panels: usize, out: usize, n: i32, k: i32, bits: i32, product: i32): void {
  put(0, panels)
  put(1, out)
  put(2, n)
  put(3, k / BLOCK)
  put(4, bits)
  put(5, product)
  parallel(multiplyPanels, (n + ROWS - 1) / ROWS, max(1, CHUNK / ((k / BLOCK) * panelBlockBytes(bits))))
}

function multiplyPanels(begin: i32, end: i32): void {
  const x = sharedScratch()
  const n = get<i32>(2)
  const blocks = get<i32>(3)
  const bits = get<i32>(4)
  const product = get<i32>(5)
  for (let index = begin; index < end; index++) {
    const panel = get<usize>(0) + <usize>(index * blocks) * <usize>panelBlockBytes(bits)
    const rows = min(ROWS, n - index * ROWS)
    const out = get<usize>(1) + (<usize>(index * ROWS) << 2)
    const to = rows == ROWS ? out : privateScratch()
    if (ASC_FEATURE_RELAXED_SIMD && product == DOT) multiplyPanel<Dot>(panel, x, to, blocks, bits)
    else if (ASC_FEATURE_RELAXED_SIMD && product == PAIR) multiplyPanel<Pair>(panel, x, to, blocks, bits)
    else multiplyPanel<Widen>(panel, x, to, blocks, bits)
    if (rows < ROWS) memory.copy(out, to, <usize>rows << 2)
  }
}

function multiplyPanel<P>(panel: usize, x: usize, out: usize, blocks: i32, bits: i32): void {
  if (bits == 8) multiplyQ8<P>(panel, x, out, blocks)
  else multiplyQ4<P>(panel, x, out, blocks)
}

/** out [8] = panel · x, of 8-bit values, by the product `P`. */
function multiplyQ8<P>(panel: usize, x: usize, out: usize, blocks: i32): void {
  const mask = f16Mask()
  const factor = f16Factor()
  let sums0 = f32x4.splat(0)
  let sums1 = f32x4.splat(0)
  for (let block = 0; block < blocks; block++) {
    const scales = x + (widens<P>() ? 64 : 32)
    const scale = v128.load32_splat(scales)
    let i0 = blockStart<P>(scales + 4)
    let i1 = i0
    const end = panel + 256
    for (; panel < end; panel += 2 * unitBytes<P>()) {
      const v = v128.load32_splat(x)
      i0 = productAdd<P>(v, loadUnits<P>(panel), i0)
      i1 = productAdd<P>(v, loadUnits<P>(panel + unitBytes<P>()), i1)
      x += 4
    }
    sums0 = madd(blockSum<P>(i0, scales + 4), f32x4.mul(scale, loadF16(panel, mask, factor)), sums0)
    sums1 = madd(blockSum<P>(i1, scales + 4), f32x4.mul(scale, loadF16(panel + 8, mask, factor)), sums1)
    panel += 16
    x += 8
  }
  v128.store(out, sums0)
  v128.store(out, sums1, 16)
}

/** The same of 4-bit values: the low halves of bytes are columns 0 to 15, the high ones 16 to 31. */
function multiplyQ4<P>(panel: usize, x: usize, out: usize, blocks: i32): void {
  const mask = f16Mask()
  const factor = f16Factor()
  const half = nibbles()
  let sums0 = f32x4.splat(0)
  let sums1 = f32x4.splat(0)
  for (let block = 0; block < blocks; block++) {
    const second: usize = widens<P>() ? 32 : 16
    const scales = x + 2 * second
    const scale = v128.load32_splat(scales)
    let i0 = blockStart<P>(scales + 4)
    let i1 = i0
    const end = panel + 128
    for (; panel < end; panel += 2 * unitBytes<P>()) {
      const a = v128.load32_splat(x)
      const b = v128.load32_splat(x + second)
      const w0 = v128.load(panel)
      const low0 = v128.and(w0, half)
      const high0 = v128.and(i16x8.shr_u(w0, 4), half)
      if (widens<P>()) {
        i0 = productAdd<P>(b, i16x8.extend_low_i8x16_s(high0), productAdd<P>(a, i16x8.extend_low_i8x16_s(low0), i0))
        i1 = productAdd<P>(b, i16x8.extend_high_i8x16_s(high0), productAdd<P>(a, i16x8.extend_high_i8x16_s(low0), i1))
      } else {
        const w1 = v128.load(panel, 16)
        i0 = productAdd<P>(b, high0, productAdd<P>(a, low0, i0))
        i1 = productAdd<P>(b, v128.and(i16x8.shr_u(w1, 4), half), productAdd<P>(a, v128.and(w1, half), i1))
      }
      x += 4
    }
    sums0 = madd(blockSum<P>(i0, scales + 4), f32x4.mul(scale, loadF16(panel, mask, factor)), sums0)
    sums1 = madd(blockSum<P>(i1, scales + 4), f32x4.mul(scale, loadF16(panel + 8, mask, factor)), sums1)
    panel += 16
    x = scales + 8
  }
  v128.store(out, sums0)
  v128.store(out, sums1, 16)
}
