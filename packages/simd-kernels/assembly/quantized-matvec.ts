// Panels of quantised weights times one quantised token: bound by memory, so a panel is read once, as a stream.

import { DOT, dotAdd, pairAdd, WIDEN, widenAdd } from './integer'
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
    if (ASC_FEATURE_RELAXED_SIMD && product != WIDEN) {
      if (bits == 8) dotQ8(panel, x, to, blocks)
      else if (product == DOT) dotQ4(panel, x, to, blocks)
      else pairQ4(panel, x, to, blocks)
    } else if (bits == 8) widenQ8(panel, x, to, blocks)
    else widenQ4(panel, x, to, blocks)
    if (rows < ROWS) memory.copy(out, to, <usize>rows << 2)
  }
}

/** out [8] = panel · x: int8 in units of two columns. */
function widenQ8(panel: usize, x: usize, out: usize, blocks: i32): void {
  const mask = f16Mask()
  const factor = f16Factor()
  let sums0 = f32x4.splat(0)
  let sums1 = f32x4.splat(0)
  for (let block = 0; block < blocks; block++) {
    const scale = v128.load32_splat(x, 64)
    let i0 = v128.load32_splat(x, 68)
    let i1 = i0
    const end = panel + 256
    for (; panel < end; panel += 16) {
      const v = v128.load32_splat(x)
      i0 = widenAdd(v, v128.load_ext<i8>(panel), i0)
      i1 = widenAdd(v, v128.load_ext<i8>(panel, 8), i1)
      x += 4
    }
    sums0 = madd(f32x4.convert_i32x4_s(i0), f32x4.mul(scale, loadF16(panel, mask, factor)), sums0)
    sums1 = madd(f32x4.convert_i32x4_s(i1), f32x4.mul(scale, loadF16(panel + 8, mask, factor)), sums1)
    panel += 16
    x += 8
  }
  v128.store(out, sums0)
  v128.store(out, sums1, 16)
}

/** int8 in units of four columns. */
function dotQ8(panel: usize, x: usize, out: usize, blocks: i32): void {
  const mask = f16Mask()
  const factor = f16Factor()
  let sums0 = f32x4.splat(0)
  let sums1 = f32x4.splat(0)
  for (let block = 0; block < blocks; block++) {
    const scale = v128.load32_splat(x, 32)
    let i0 = v128.load32_splat(x, 36)
    let i1 = i0
    const end = panel + 256
    for (; panel < end; panel += 32) {
      const v = v128.load32_splat(x)
      i0 = dotAdd(v, v128.load(panel), i0)
      i1 = dotAdd(v, v128.load(panel, 16), i1)
      x += 4
    }
    sums0 = madd(f32x4.convert_i32x4_s(i0), f32x4.mul(scale, loadF16(panel, mask, factor)), sums0)
    sums1 = madd(f32x4.convert_i32x4_s(i1), f32x4.mul(scale, loadF16(panel + 8, mask, factor)), sums1)
    panel += 16
    x += 8
  }
  v128.store(out, sums0)
  v128.store(out, sums1, 16)
}

/** 4-bit values in units of two columns: the low halves are columns 0 to 15, the high ones 16 to 31. */
function widenQ4(panel: usize, x: usize, out: usize, blocks: i32): void {
  const mask = f16Mask()
  const factor = f16Factor()
  const half = nibbles()
  let sums0 = f32x4.splat(0)
  let sums1 = f32x4.splat(0)
  for (let block = 0; block < blocks; block++) {
    const scale = v128.load32_splat(x, 64)
    let i0 = v128.load32_splat(x, 68)
    let i1 = i0
    const end = panel + 128
    for (; panel < end; panel += 16) {
      const a = v128.load32_splat(x)
      const b = v128.load32_splat(x, 32)
      const w = v128.load(panel)
      const low = v128.and(w, half)
      const high = v128.and(i16x8.shr_u(w, 4), half)
      i0 = widenAdd(b, i16x8.extend_low_i8x16_s(high), widenAdd(a, i16x8.extend_low_i8x16_s(low), i0))
      i1 = widenAdd(b, i16x8.extend_high_i8x16_s(high), widenAdd(a, i16x8.extend_high_i8x16_s(low), i1))
      x += 4
    }
    sums0 = madd(f32x4.convert_i32x4_s(i0), f32x4.mul(scale, loadF16(panel, mask, factor)), sums0)
    sums1 = madd(f32x4.convert_i32x4_s(i1), f32x4.mul(scale, loadF16(panel + 8, mask, factor)), sums1)
    panel += 16
    x += 40
  }
  v128.store(out, sums0)
  v128.store(out, sums1, 16)
}

/** 4-bit values in units of four columns. */
function dotQ4(panel: usize, x: usize, out: usize, blocks: i32): void {
  const mask = f16Mask()
  const factor = f16Factor()
  const half = nibbles()
  let sums0 = f32x4.splat(0)
  let sums1 = f32x4.splat(0)
  for (let block = 0; block < blocks; block++) {
    const scale = v128.load32_splat(x, 32)
    let i0 = v128.load32_splat(x, 36)
    let i1 = i0
    const end = panel + 128
    for (; panel < end; panel += 32) {
      const a = v128.load32_splat(x)
      const b = v128.load32_splat(x, 16)
      let w = v128.load(panel)
      i0 = dotAdd(b, v128.and(i16x8.shr_u(w, 4), half), dotAdd(a, v128.and(w, half), i0))
      w = v128.load(panel, 16)
      i1 = dotAdd(b, v128.and(i16x8.shr_u(w, 4), half), dotAdd(a, v128.and(w, half), i1))
      x += 4
    }
    sums0 = madd(f32x4.convert_i32x4_s(i0), f32x4.mul(scale, loadF16(panel, mask, factor)), sums0)
    sums1 = madd(f32x4.convert_i32x4_s(i1), f32x4.mul(scale, loadF16(panel + 8, mask, factor)), sums1)
    panel += 16
    x += 24
  }
  v128.store(out, sums0)
  v128.store(out, sums1, 16)
}

/** The same in i16, which hold the products of a block. */
function pairQ4(panel: usize, x: usize, out: usize, blocks: i32): void {
  const mask = f16Mask()
  const factor = f16Factor()
  const half = nibbles()
  let sums0 = f32x4.splat(0)
  let sums1 = f32x4.splat(0)
  for (let block = 0; block < blocks; block++) {
    const scale = v128.load32_splat(x, 32)
    const correction = v128.load32_splat(x, 36)
    let p0 = i16x8.splat(0)
    let p1 = i16x8.splat(0)
    const end = panel + 128
    for (; panel < end; panel += 32) {
      const a = v128.load32_splat(x)
      const b = v128.load32_splat(x, 16)
      let w = v128.load(panel)
      p0 = pairAdd(b, v128.and(i16x8.shr_u(w, 4), half), pairAdd(a, v128.and(w, half), p0))
      w = v128.load(panel, 16)
      p1 = pairAdd(b, v128.and(i16x8.shr_u(w, 4), half), pairAdd(a, v128.and(w, half), p1))
      x += 4
    }
    const i0 = i32x4.add(correction, i32x4.extadd_pairwise_i16x8_s(p0))
    const i1 = i32x4.add(correction, i32x4.extadd_pairwise_i16x8_s(p1))
    sums0 = madd(f32x4.convert_i32x4_s(i0), f32x4.mul(scale, loadF16(panel, mask, factor)), sums0)
    sums1 = madd(f32x4.convert_i32x4_s(i1), f32x4.mul(scale, loadF16(panel + 8, mask, factor)), sums1)
    panel += 16
    x += 24
  }
  v128.store(out, sums0)
  v128.store(out, sums1, 16)
}
