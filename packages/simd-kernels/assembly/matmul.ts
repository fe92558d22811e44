// f32 matrix products. The left side is packed into tiles of 6 rows, the right side into panels of 8 columns, so that the inner
// loop reads both as streams and keeps a tile of 6 x 8 sums in twelve registers. A block of columns of a tile and of a panel stays
// in the first-level cache (Goto and van de Geijn 2008). Each sum adds up in the order of k, so a row's result is the same bits
// however many rows there are.

import { F32 } from './formats'
import { elementBytes, floatFactorsOf, floatPanelBytes, widenPanel } from './float-panels'
import { matvec } from './matvec'
import { get, parallel, privateScratch, put, reserve, sharedScratch } from './parallel'
import { rowMatvec } from './row-matvec'
import { COLUMNS, multiplyFloatTile, ROWS, tileRows } from './tiles'

const TILE_BYTES: usize = 6 * 8 * 4
/** Rows of the left side that are packed at a time: bounds the scratch memory and the time of a chunk. */
const SLAB: i32 = 192
/** Numbers of a row that are multiplied at a time. */
const STRETCH: i32 = 512
/** Multiply-adds in a chunk. */
const CHUNK: f64 = 8_388_608

/** The memory layout of the right side, if it is not in panels of a type of formats.ts. */
export const BY_ROWS: i32 = -1 // [n, k]
export const BY_COLUMNS: i32 = -2 // [k, n]

/**
 * out [m, n] = a · b, or with `accumulate` out += a · b, where sums begin with the values in `out`. a is [m, k], or [k, m] if
 * `transposed`; `layout` of b: one of the two above, or the type of its panels.
 */
export function matmul(
  a: usize,
  b: usize,
  out: usize,
  m: i32,
  n: i32,
  k: i32,
  transposed: bool,
  layout: i32,
  accumulate: bool,
): void {
  if (m == 1 && layout >= 0) {
    matvec(a, b, out, n, k, layout)
    return
  }
  if (m == 1 && layout == BY_ROWS) {
    rowMatvec(a, b, out, n, k, accumulate)
    return
  }
  reserve(<usize>(min(m, SLAB) + ROWS) * <usize>k * 4, <usize>(min(k, STRETCH) * COLUMNS * 4) + TILE_BYTES)
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
    put(10, <i32>accumulate)
    const rows = min(SLAB, m - row)
    parallel(packTiles, (rows + ROWS - 1) / ROWS, max(1, 4096 / k))
    const grain = CHUNK / (<f64>COLUMNS * <f64>k * <f64>rows)
    parallel(multiplyPanels, (n + COLUMNS - 1) / COLUMNS, max(1, <i32>min(grain, 1024)))
  }
}

/** Tile i of the left side as [k][rows], for the rows that `tileRows` says: missing ones as zeros. */
function packTiles(begin: i32, end: i32): void {
  const m = get<i32>(3)
  const k = get<i32>(5)
  const rowBytes = get<usize>(6)
  const columnBytes = get<usize>(7)
  const first = get<usize>(0) + <usize>get<i32>(9) * rowBytes
  for (let index = begin; index < end; index++) {
    const row = index * ROWS
    const tile = tileRows(row, m)
    const rows = min(tile, m - row)
    const from = first + <usize>row * rowBytes
    const to = sharedScratch() + <usize>row * (<usize>k << 2)
    if (rows < tile) memory.fill(to, 0, <usize>(tile * k) << 2)
    let done = 0
    if (rows == ROWS) done = columnBytes == 4 ? packRowsOfSix(from, to, rowBytes, k) : packColumnsOfSix(from, to, columnBytes, k)
    for (let r = 0; r < rows; r++) {
      let source = from + <usize>r * rowBytes + <usize>done * columnBytes
      let target = to + <usize>(done * tile + r) * 4
      for (let i = done; i < k; i++) {
        store<f32>(target, load<f32>(source))
        source += columnBytes
        target += <usize>tile << 2
      }
    }
  }
}

/** All of six neighbours in each of k rows of a transposed left side. */
function packColumnsOfSix(from: usize, to: usize, columnBytes: usize, k: i32): i32 {
  for (let i = 0; i < k; i++) {
    v128.store(to, v128.load(from))
    store<u64>(to, load<u64>(from, 16), 16)
    from += columnBytes
    to += ROWS << 2
  }
  return k
}

/** The first columns of six whole rows, four at a time; returns how many. */
function packRowsOfSix(from: usize, to: usize, rowBytes: usize, k: i32): i32 {
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
  const k = get<i32>(5)
  for (let first = 0; first < k; first += STRETCH)
    for (let panel = begin; panel < end; panel++) multiplyStretch(panel, first, min(STRETCH, k - first))
}

/** Adds to the results of all rows and a panel's 8 columns the products of `count` numbers of k from `first`. */
function multiplyStretch(index: i32, first: i32, count: i32): void {
  const m = get<i32>(3)
  const n = get<i32>(4)
  const k = get<i32>(5)
  const spare = privateScratch()
  const column = index * COLUMNS
  const columns = min(COLUMNS, n - column)
  const panel = panelOf(index, first, count, columns, spare + TILE_BYTES)
  const outBytes = <usize>n << 2
  const begins = first == 0 && get<i32>(10) == 0
  for (let row = 0; row < m; row += ROWS) {
    const tileSize = tileRows(row, m)
    const rows = min(tileSize, m - row)
    const out = get<usize>(2) + <usize>row * outBytes + (<usize>column << 2)
    const tile = sharedScratch() + ((<usize>row * <usize>k + <usize>(first * tileSize)) << 2)
    if (rows == tileSize && columns == COLUMNS) multiplyFloatTile(tileSize, tile, panel, out, outBytes, count, begins)
    else {
      if (!begins)
        for (let r = 0; r < rows; r++)
          memory.copy(spare + <usize>(r * COLUMNS) * 4, out + <usize>r * outBytes, <usize>columns << 2)
      multiplyFloatTile(tileSize, tile, panel, spare, COLUMNS << 2, count, begins)
      for (let r = 0; r < rows; r++)
        memory.copy(out + <usize>r * outBytes, spare + <usize>(r * COLUMNS) * 4, <usize>columns << 2)
    }
  }
}

/** The address of `count` rows of a panel [k][8] of the right side, from row `first`: in place, or copied to `room`. */
function panelOf(index: i32, first: i32, count: i32, columns: i32, room: usize): usize {
  const b = get<usize>(1)
  const n = get<i32>(4)
  const k = get<i32>(5)
  const layout = get<i32>(8)
  const column = <usize>(index * COLUMNS)
  if (layout == BY_ROWS) packRows(b + ((column * <usize>k + <usize>first) << 2), room, columns, count, k)
  else if (layout == BY_COLUMNS) packColumns(b + ((<usize>first * <usize>n + column) << 2), room, columns, n, count)
  else {
    const panel = b + <usize>index * floatPanelBytes(layout, k) + <usize>(first * COLUMNS * elementBytes(layout))
    if (layout == F32) return panel
    widenPanel(layout, panel, room, count, load<f32>(floatFactorsOf(b, layout, n, k) + (<usize>index << 2)))
  }
  return room
}

/** `columns` rows of k numbers, of which the first `count` go into a panel [count][8], missing rows as zeros. */
function packRows(rows: usize, panel: usize, columns: i32, count: i32, k: i32): void {
  const bytes = <usize>k << 2
  let first = 0
  for (; first + 4 <= columns; first += 4) {
    const r0 = rows + <usize>first * bytes
    const r1 = r0 + bytes
    const r2 = r1 + bytes
    const r3 = r2 + bytes
    let to = panel + (<usize>first << 2)
    let i: usize = 0
    for (; i + 16 <= <usize>count << 2; i += 16) {
      const a = v128.load(r0 + i)
      const b = v128.load(r1 + i)
      const c = v128.load(r2 + i)
      const d = v128.load(r3 + i)
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
    for (; i < <usize>count << 2; i += 4) {
      v128.store(to, f32x4(load<f32>(r0 + i), load<f32>(r1 + i), load<f32>(r2 + i), load<f32>(r3 + i)))
      to += 32
    }
  }
  for (; first < COLUMNS; first++)
    for (let i = 0; i < count; i++) {
      const at = rows + <usize>first * bytes + (<usize>i << 2)
      store<f32>(panel + (<usize>(i * COLUMNS + first) << 2), first < columns ? load<f32>(at) : 0)
    }
}

/** `columns` neighbours of each of `count` rows as a panel [count][8], missing ones as zeros. */
function packColumns(from: usize, panel: usize, columns: i32, n: i32, count: i32): void {
  const bytes = <usize>n << 2
  for (let i = 0; i < count; i++) {
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
