// Weights of floating-point numbers [n, k] lie in panels of 8 rows as well: for each column the numbers of the 8 rows, as f32, f16
// bits or bf16 bits; rows beyond the last are zeros. The f32 factors of the f16 numbers of each panel follow the panels, see half.ts.

import { BF16, F16, F32, ROWS } from './formats'
import { factorOf, greatestHalf, INFINITE, RAISABLE, raised } from './half'
import { f16Mask, loadBf16, loadF16 } from './lanes'
import { get, parallel, put, reserve, sharedScratch } from './parallel'

export function elementBytes(type: i32): i32 {
  return type == F32 ? 4 : 2
}

/** Bytes of a panel of k columns. */
export function floatPanelBytes(type: i32, k: i32): usize {
  return <usize>(ROWS * elementBytes(type)) * <usize>k
}

/** Offset of the factors of the panels of n rows of k columns. */
export function floatFactorsOf(panels: usize, type: i32, n: i32, k: i32): usize {
  return panels + <usize>((n + ROWS - 1) / ROWS) * floatPanelBytes(type, k)
}

/**
 * Packs `count` rows of a weight [n, k], from row `first`, a multiple of 8. Returns false, with these rows undefined, where an f16
 * number is infinite or NaN.
 */
export function packFloats(rows: usize, panels: usize, type: i32, n: i32, k: i32, first: i32, count: i32): bool {
  reserve(64, 0)
  store<i32>(sharedScratch(), 1)
  put(0, rows)
  put(1, panels + <usize>(first / ROWS) * floatPanelBytes(type, k))
  put(2, type)
  put(3, count)
  put(4, k)
  put(5, floatFactorsOf(panels, type, n, k) + <usize>(first / ROWS) * 4)
  parallel(packPanels, (count + ROWS - 1) / ROWS, max(1, 8192 / k))
  return load<i32>(sharedScratch()) != 0
}

function packPanels(begin: i32, end: i32): void {
  const type = get<i32>(2)
  const k = get<i32>(4)
  const rowBytes = <usize>(k * elementBytes(type))
  for (let panel = begin; panel < end; panel++) {
    const from = get<usize>(0) + <usize>(panel * ROWS) * rowBytes
    const to = get<usize>(1) + <usize>panel * floatPanelBytes(type, k)
    const count = min(ROWS, get<i32>(3) - panel * ROWS)
    if (type == F32) packPanel<u32>(from, to, count, k, false)
    else if (type == BF16) packPanel<u16>(from, to, count, k, false)
    else {
      const greatest = greatestHalf(from, count * k)
      if (greatest >= INFINITE) atomic.store<i32>(sharedScratch(), 0)
      const raise = greatest < RAISABLE
      store<f32>(get<usize>(5) + (<usize>panel << 2), factorOf(raise))
      packPanel<u16>(from, to, count, k, raise)
    }
  }
}

function packPanel<T>(from: usize, to: usize, count: i32, k: i32, raise: bool): void {
  const rowBytes = <usize>k * sizeof<T>()
  for (let r = 0; r < ROWS; r++) {
    let target = to + <usize>r * sizeof<T>()
    const end = from + (r < count ? rowBytes : 0)
    for (let at = from; at < end; at += sizeof<T>()) {
      if (sizeof<T>() == 2) store<u16>(target, raise ? raised(load<u16>(at)) : load<u16>(at))
      else store<u32>(target, load<u32>(at))
      target += ROWS * sizeof<T>()
    }
    if (r >= count)
      for (let i = 0; i < k; i++) {
        store<T>(target, 0)
        target += ROWS * sizeof<T>()
      }
    else from += rowBytes
  }
}

/** `columns` columns of a panel of f16 or bf16 numbers as f32. */
export function widenPanel(type: i32, from: usize, to: usize, columns: i32, factor: f32): void {
  const mask = f16Mask()
  const factors = f32x4.splat(factor)
  const end = to + <usize>columns * 32
  if (type == F16)
    for (; to < end; to += 32) {
      v128.store(to, loadF16(from, mask, factors))
      v128.store(to, loadF16(from + 8, mask, factors), 16)
      from += 16
    }
  else
    for (; to < end; to += 32) {
      v128.store(to, loadBf16(from))
      v128.store(to, loadBf16(from + 8), 16)
      from += 16
    }
}

/** Rows `ids` (u32) of a weight in panels as f32: out [count, k]. */
export function floatEmbedding(
  panels: usize,
  ids: usize,
  out: usize,
  count: i32,
  n: i32,
  k: i32,
  type: i32,
): void {
  for (let i = 0; i < count; i++) {
    const row = load<i32>(ids + (<usize>i << 2))
    const bytes = <usize>elementBytes(type)
    let from = panels + <usize>(row / ROWS) * floatPanelBytes(type, k) + <usize>(row % ROWS) * bytes
    const factor = load<f32>(floatFactorsOf(panels, type, n, k) + (<usize>(row / ROWS) << 2))
    for (let column = 0; column < k; column++) {
      if (type == F32) store<u32>(out, load<u32>(from))
      else if (type == BF16) store<u32>(out, <u32>load<u16>(from) << 16)
      else store<f32>(out, reinterpret<f32>(((<i32>load<i16>(from)) << 13) & 0x8fffffff) * factor)
      from += ROWS * bytes
      out += 4
    }
  }
}
