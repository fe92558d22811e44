// The size of packed weights, and how rows of any type are packed: floats by float-panels.ts, GGUF blocks as formats.ts describes.

import { decodeBlock, minimumAt, scaleAt, smallMinimumOf, smallScaleOf, sourceBytes, sourceRowBytes } from './decode'
import { elementBytes, packFloats } from './float-panels'
import {
  BLOCK,
  BLOCK_VALUES,
  factorsOf,
  groupBytes,
  groupColumns,
  hasMinima,
  hasTwoLevels,
  headBytes,
  highBits,
  isQuantized,
  lowBits,
  panelBytes,
  panelsOf,
  Q2_K,
  ROWS,
  smallBytes,
  subColumns,
  valueBytes,
} from './formats'
import { factorOf, INFINITE, RAISABLE, raised } from './half'
import { interleaveHalves, interleaveWords } from './interleave'
import { nibbles } from './lanes'
import { OFFSET } from './panels'
import { get, parallel, privateScratch, put, reserve, sharedScratch } from './parallel'

/** Private scratch memory: the values of a block of a panel, row by row, and in the order of the kernels. */
const SCRATCH: usize = 2 * BLOCK_VALUES

/** Bytes of a packed weight [n, k]: f64, because it can exceed 2^32. */
export function weightBytes(type: i32, n: i32, k: i32): f64 {
  const columns = isQuantized(type) ? groupColumns(type) : 1
  const bytes = isQuantized(type) ? groupBytes(type) : ROWS * elementBytes(type)
  return Math.ceil(<f64>n / ROWS) * ((<f64>k / <f64>columns) * <f64>bytes + 4)
}

/**
 * Packs `count` rows of a weight [n, k], from row `first`, a multiple of 8. `zero` as for `linear`.
 * `widen`: units of 2 columns. Returns false, with these rows undefined, where an f16 number or a scale is infinite or NaN.
 */
export function packRows(
  rows: usize,
  panels: usize,
  type: i32,
  n: i32,
  k: i32,
  first: i32,
  count: i32,
  zero: i32,
  widen: bool,
): bool {
  if (!isQuantized(type)) return packFloats(rows, panels, type, n, k, first, count)
  reserve(64, SCRATCH)
  store<i32>(sharedScratch(), 1)
  put(0, rows)
  put(1, panels + <usize>(first / ROWS) * panelBytes(type, k))
  put(2, type)
  put(3, count)
  put(4, k)
  put(5, factorsOf(panels, type, n, k) + <usize>(first / ROWS) * 4)
  put(6, zero == OFFSET ? 0x80 : 0)
  put(7, <i32>widen)
  parallel(packPanels, panelsOf(count), max(1, 8192 / k))
  return load<i32>(sharedScratch()) != 0
}

function packPanels(begin: i32, end: i32): void {
  const type = get<i32>(2)
  const k = get<i32>(4)
  const bytes = panelBytes(type, k)
  const rowBytes = sourceRowBytes(type, k)
  for (let panel = begin; panel < end; panel++) {
    const rows = get<usize>(0) + <usize>(panel * ROWS) * rowBytes
    const count = min(ROWS, get<i32>(3) - panel * ROWS)
    const greatest = greatestScale(type, rows, rowBytes * <usize>count)
    if (greatest >= INFINITE) atomic.store<i32>(sharedScratch(), 0)
    const raise = greatest < RAISABLE
    store<f32>(get<usize>(5) + (<usize>panel << 2), factorOf(raise))
    packPanel(type, rows, rowBytes, count, get<usize>(1) + <usize>panel * bytes, k, raise)
  }
}

/** The greatest magnitude of the f16 scales and minima in `bytes` bytes of rows, as bits. */
function greatestScale(type: i32, rows: usize, bytes: usize): i32 {
  const step = <usize>sourceBytes(type)
  const scale = scaleAt(type)
  const minimum = hasMinima(type) ? minimumAt(type) : scale
  let greatest = 0
  for (let group = rows; group < rows + bytes; group += step) {
    greatest = max(greatest, <i32>load<u16>(group + scale) & 0x7fff)
    greatest = max(greatest, <i32>load<u16>(group + minimum) & 0x7fff)
  }
  return greatest
}

/** Packs `count` rows, at most 8; rows that are missing become zeros. */
function packPanel(type: i32, rows: usize, rowBytes: usize, count: i32, to: usize, k: i32, raise: bool): void {
  const flip = get<i32>(6)
  const pairs = get<i32>(7) != 0
  const decoded = privateScratch()
  const values = decoded + BLOCK_VALUES
  const groups = k / groupColumns(type)
  const blocks = groupColumns(type) / BLOCK
  const groupStep = sourceBytes(type)
  const scaleFrom = scaleAt(type)
  const minimumFrom = minimumAt(type)
  memory.fill(decoded, 0, BLOCK_VALUES)
  for (let g = 0; g < groups; g++) {
    const group = rows + <usize>(g * groupStep)
    for (let r = 0; r < ROWS; r++) {
      const row = group + <usize>r * rowBytes
      const scale = r < count ? load<u16>(row + scaleFrom) : 0
      store<u16>(to + <usize>(2 * r), raise ? raised(scale) : scale)
      if (!hasMinima(type)) continue
      const minimum = r < count ? load<u16>(row + minimumFrom) : 0
      store<u16>(to + <usize>(2 * r + 2 * ROWS), raise ? raised(minimum) : minimum)
    }
    to += <usize>headBytes(type)
    for (let b = 0; b < blocks; b++) {
      for (let r = 0; r < count; r++)
        decodeBlock(type, group + <usize>r * rowBytes, b, decoded + <usize>(r * BLOCK), flip)
      if (pairs) interleaveHalves(decoded, values)
      else interleaveWords(decoded, values)
      storeValues(type, values, to)
      to += <usize>valueBytes(type)
      if (!hasTwoLevels(type)) continue
      packSmall(type, group, rowBytes, count, b, to)
      to += <usize>smallBytes(type)
    }
  }
}

function packSmall(type: i32, group: usize, rowBytes: usize, count: i32, block: i32, to: usize): void {
  const subs = BLOCK / subColumns(type)
  const both = hasMinima(type) && type != Q2_K
  for (let i = block * subs; i < (block + 1) * subs; i++) {
    for (let r = 0; r < ROWS; r++) {
      const row = group + <usize>r * rowBytes
      store<u8>(to + <usize>r, <u8>(r < count ? smallScaleOf(type, row, i) : 0))
      if (both) store<u8>(to + <usize>(r + ROWS), <u8>(r < count ? smallMinimumOf(row, i) : 0))
    }
    to += both ? 2 * ROWS : ROWS
  }
}

/** The 256 values of a block as low and high bits. */
function storeValues(type: i32, values: usize, to: usize): void {
  const low = lowBits(type)
  if (low == 8) for (let i: usize = 0; i < BLOCK_VALUES; i += 16) v128.store(to + i, v128.load(values + i))
  else if (low == 4)
    for (let i: usize = 0; i < 128; i += 16) {
      const first = v128.and(v128.load(values + i), nibbles())
      const second = v128.and(v128.load(values + i, 128), nibbles())
      v128.store(to + i, v128.or(first, i16x8.shl(second, 4)))
    }
  else storePairs(values, to, 0)
  to += <usize>(low * BLOCK)
  if (highBits(type) == 2) storePairs(values, to, low)
  else if (highBits(type) == 1)
    for (let h: usize = 0; h < 32; h += 16) {
      let bits = i8x16.splat(0)
      for (let u = 0; u < 8; u++) {
        const vector = v128.load(values + <usize>(u << 5) + h)
        bits = v128.or(bits, i16x8.shl(v128.and(i16x8.shr_u(vector, low), i8x16.splat(1)), u))
      }
      v128.store(to + h, bits)
    }
}

/** Bits `from` and `from + 1` of each value. */
function storePairs(values: usize, to: usize, from: i32): void {
  for (let s: usize = 0; s < 64; s += 16) {
    let bits = i8x16.splat(0)
    for (let p = 0; p < 4; p++) {
      const vector = v128.load(values + <usize>(p << 6) + s)
      bits = v128.or(bits, i16x8.shl(v128.and(i16x8.shr_u(vector, from), i8x16.splat(3)), p << 1))
    }
    v128.store(to + s, bits)
  }
}
