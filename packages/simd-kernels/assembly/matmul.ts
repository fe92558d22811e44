// f32 matrix products. The left side is packed into tiles of 6 rows, the right side into panels of 8 columns, so that the inner
// loop reads both as streams and keeps a tile of 6 x 8 sums in twelve registers (Goto and van de Geijn 2008).

import { F16_FACTOR, f16Factor, f16Mask, loadFour, loadOne, madd } from './lanes'
import { get, parallel, privateScratch, put, reserve, sharedScratch } from './parallel'
import { matvec } from './matvec'

const ROWS: i32 = 6
const COLUMNS: i32 = 8
const TILE_BYTES: usize = 6 * 8 * 4
/** For so few rows of the left side, to pack the right side costs more than it gains (measured). */
const FEW_ROWS: i32 = 4
/** Rows of the left side that are packed at a time: bounds the scratch memory and the time of a chunk. */
const SLAB: i32 = 384

/** How the right side lies in memory. */
export const COLUMNS_F32: i32 = 0 // [k, n]
export const ROWS_F32: i32 = 1 // [n, k]
export const ROWS_F16: i32 = 2 // [n, k], f16 bits

/** out [m, n] = a · b. a is [m, k], or [k, m] where `transposed`; b as `layout` says. `factor`: of f16 bits, see `loadF16`. */
export function matmul(
  a: usize,
  b: usize,
  out: usize,
  m: i32,
  n: i32,
  k: i32,
  transposed: bool,
  layout: i32,
  factor: f32,
): void {
  put(F16_FACTOR, factor)
  if (m <= FEW_ROWS && layout != COLUMNS_F32 && !transposed) {
    matvec(a, b, out, m, n, k, layout == ROWS_F16)
    return
  }
  reserve(<usize>(((min(m, SLAB) + ROWS - 1) / ROWS) * ROWS) * <usize>k * 4, <usize>k * COLUMNS * 4 + TILE_BYTES)
  for (let row = 0; row < m; row += SLAB) {
    put(0, a)
    put(1, b)
    put(2, out + ((<usize>row * <usize>n) << 2))
    put(3, min(SLAB, m - row))
    put(4, n)
    put(5, k)
    put<usize>(6, transposed ? 4 : <usize>k << 2) // bytes from a row of the left side to the next
    put<usize>(7, transposed ? <usize>m << 2 : 4) // bytes from a column of the left side to the next
    put(8, layout)
    put(9, row)
    const tiles = (min(SLAB, m - row) + ROWS - 1) / ROWS
    parallel(packTiles, tiles, max(1, 4096 / k))
    parallel(multiplyPanels, (n + COLUMNS - 1) / COLUMNS, max(1, 16_384 / (k * tiles)))
  }
}

/** Tile i of the left side as [k][6], rows beyond the last as zeros. */
function packTiles(begin: i32, end: i32): void {
  const m = get<i32>(3)
  const k = get<i32>(5)
  const rowBytes = get<usize>(6)
  const columnBytes = get<usize>(7)
  const first = get<usize>(0) + <usize>get<i32>(9) * rowBytes
  for (let tile = begin; tile < end; tile++) {
    const rows = min(ROWS, m - tile * ROWS)
    const from = first + <usize>(tile * ROWS) * rowBytes
    const to = sharedScratch() + <usize>(tile * ROWS) * (<usize>k << 2)
    if (rows < ROWS) memory.fill(to, 0, <usize>(ROWS * k) << 2)
    const done = rows == ROWS && columnBytes == 4 ? packQuads(from, to, rowBytes, k) : 0
    for (let row = 0; row < rows; row++) {
      let source = from + <usize>row * rowBytes + <usize>done * columnBytes
      let target = to + <usize>(done * ROWS + row) * 4
      for (let i = done; i < k; i++) {
        store<f32>(target, load<f32>(source))
        source += columnBytes
        target += ROWS << 2
      }
    }
  }
}

/** The first columns of six whole rows, four at a time; returns how many. */
function packQuads(from: usize, to: usize, rowBytes: usize, k: i32): i32 {
  const r1 = from + rowBytes
  const r2 = r1 + rowBytes
  const r3 = r2 + rowBytes
  const r4 = r3 + rowBytes
  const r5 = r4 + rowBytes
  const whole = k & ~3
  for (let at: usize = 0; at < <usize>whole << 2; at += 16) {
    const a = v128.load(from + at)
    const b = v128.load(r1 + at)
    const c = v128.load(r2 + at)
    const d = v128.load(r3 + at)
    const e = v128.load(r4 + at)
    const f = v128.load(r5 + at)
    const ab = i32x4.shuffle(a, b, 0, 4, 1, 5)
    const cd = i32x4.shuffle(c, d, 0, 4, 1, 5)
    const ef = i32x4.shuffle(e, f, 0, 4, 1, 5)
    const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7)
    const cdHigh = i32x4.shuffle(c, d, 2, 6, 3, 7)
    const efHigh = i32x4.shuffle(e, f, 2, 6, 3, 7)
    v128.store(to, i64x2.shuffle(ab, cd, 0, 2))
    v128.store_lane<u64>(to, ef, 0, 16)
    v128.store(to, i64x2.shuffle(ab, cd, 1, 3), 24)
    v128.store_lane<u64>(to, ef, 1, 40)
    v128.store(to, i64x2.shuffle(abHigh, cdHigh, 0, 2), 48)
    v128.store_lane<u64>(to, efHigh, 0, 64)
    v128.store(to, i64x2.shuffle(abHigh, cdHigh, 1, 3), 72)
    v128.store_lane<u64>(to, efHigh, 1, 88)
    to += 96
  }
  return whole
}

function multiplyPanels(begin: i32, end: i32): void {
  const b = get<usize>(1)
  const m = get<i32>(3)
  const n = get<i32>(4)
  const k = get<i32>(5)
  const layout = get<i32>(8)
  const panel = privateScratch()
  const spare = panel + ((<usize>k * COLUMNS) << 2)
  const outBytes = <usize>n << 2
  for (let index = begin; index < end; index++) {
    const column = index * COLUMNS
    const columns = min(COLUMNS, n - column)
    if (layout == ROWS_F32) packRows<f32>(b + <usize>column * (<usize>k << 2), panel, columns, k)
    else if (layout == ROWS_F16) packRows<u16>(b + <usize>column * (<usize>k << 1), panel, columns, k)
    else packColumns(b + (<usize>column << 2), panel, columns, n, k)
    for (let row = 0; row < m; row += ROWS) {
      const rows = min(ROWS, m - row)
      const out = get<usize>(2) + <usize>row * outBytes + (<usize>column << 2)
      const tile = sharedScratch() + <usize>row * (<usize>k << 2)
      if (rows == ROWS && columns == COLUMNS) multiplyTile(tile, panel, out, outBytes, k)
      else {
        multiplyTile(tile, panel, spare, COLUMNS << 2, k)
        for (let r = 0; r < rows; r++)
          memory.copy(out + <usize>r * outBytes, spare + <usize>(r * COLUMNS) * 4, <usize>columns << 2)
      }
    }
  }
}

/** `columns` rows of k numbers as a panel [k][8], missing ones as zeros. */
function packRows<T>(rows: usize, panel: usize, columns: i32, k: i32): void {
  const mask = f16Mask()
  const factor = f16Factor()
  const bytes = <usize>k * sizeof<T>()
  let first = 0
  for (; first + 4 <= columns; first += 4) {
    const r0 = rows + <usize>first * bytes
    const r1 = r0 + bytes
    const r2 = r1 + bytes
    const r3 = r2 + bytes
    let to = panel + (<usize>first << 2)
    let i: usize = 0
    for (; i + 4 * sizeof<T>() <= bytes; i += 4 * sizeof<T>()) {
      const a = loadFour<T>(r0 + i, mask, factor)
      const b = loadFour<T>(r1 + i, mask, factor)
      const c = loadFour<T>(r2 + i, mask, factor)
      const d = loadFour<T>(r3 + i, mask, factor)
      const ab = i32x4.shuffle(a, b, 0, 4, 1, 5)
      const cd = i32x4.shuffle(c, d, 0, 4, 1, 5)
      const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7)
      const cdHigh = i32x4.shuffle(c, d, 2, 6, 3, 7)
      v128.store(to, i64x2.shuffle(ab, cd, 0, 2))
      v128.store(to, i64x2.shuffle(ab, cd, 1, 3), 32)
      v128.store(to, i64x2.shuffle(abHigh, cdHigh, 0, 2), 64)
      v128.store(to, i64x2.shuffle(abHigh, cdHigh, 1, 3), 96)
      to += 128
    }
    for (; i < bytes; i += sizeof<T>()) {
      v128.store(to, f32x4(loadOne<T>(r0 + i), loadOne<T>(r1 + i), loadOne<T>(r2 + i), loadOne<T>(r3 + i)))
      to += 32
    }
  }
  for (; first < COLUMNS; first++)
    for (let i = 0; i < k; i++) {
      const at = rows + <usize>first * bytes + <usize>i * sizeof<T>()
      store<f32>(panel + (<usize>(i * COLUMNS + first) << 2), first < columns ? loadOne<T>(at) : 0)
    }
}

/** `columns` neighbours of each of k rows as a panel [k][8], missing ones as zeros. */
function packColumns(from: usize, panel: usize, columns: i32, n: i32, k: i32): void {
  const bytes = <usize>n << 2
  for (let i = 0; i < k; i++) {
    if (columns == COLUMNS) {
      v128.store(panel, v128.load(from))
      v128.store(panel, v128.load(from, 16), 16)
    } else {
      memory.fill(panel, 0, COLUMNS << 2)
      memory.copy(panel, from, <usize>columns << 2)
    }
    from += bytes
    panel += COLUMNS << 2
  }
}

/** out [6][8] = tile [k][6] · panel [k][8], with `outBytes` from a row of the result to the next. */
function multiplyTile(tile: usize, panel: usize, out: usize, outBytes: usize, k: i32): void {
  let a0 = f32x4.splat(0)
  let a1 = f32x4.splat(0)
  let b0 = f32x4.splat(0)
  let b1 = f32x4.splat(0)
  let c0 = f32x4.splat(0)
  let c1 = f32x4.splat(0)
  let d0 = f32x4.splat(0)
  let d1 = f32x4.splat(0)
  let e0 = f32x4.splat(0)
  let e1 = f32x4.splat(0)
  let f0 = f32x4.splat(0)
  let f1 = f32x4.splat(0)
  const end = panel + ((<usize>k * COLUMNS) << 2)
  for (; panel < end; panel += 32) {
    const p0 = v128.load(panel)
    const p1 = v128.load(panel, 16)
    let x = v128.load32_splat(tile)
    a0 = madd(x, p0, a0)
    a1 = madd(x, p1, a1)
    x = v128.load32_splat(tile, 4)
    b0 = madd(x, p0, b0)
    b1 = madd(x, p1, b1)
    x = v128.load32_splat(tile, 8)
    c0 = madd(x, p0, c0)
    c1 = madd(x, p1, c1)
    x = v128.load32_splat(tile, 12)
    d0 = madd(x, p0, d0)
    d1 = madd(x, p1, d1)
    x = v128.load32_splat(tile, 16)
    e0 = madd(x, p0, e0)
    e1 = madd(x, p1, e1)
    x = v128.load32_splat(tile, 20)
    f0 = madd(x, p0, f0)
    f1 = madd(x, p1, f1)
    tile += ROWS << 2
  }
  v128.store(out, a0)
  v128.store(out, a1, 16)
  out += outBytes
  v128.store(out, b0)
  v128.store(out, b1, 16)
  out += outBytes
  v128.store(out, c0)
  v128.store(out, c1, 16)
  out += outBytes
  v128.store(out, d0)
  v128.store(out, d1, 16)
  out += outBytes
  v128.store(out, e0)
  v128.store(out, e1, 16)
  out += outBytes
  v128.store(out, f0)
  v128.store(out, f1, 16)
}
