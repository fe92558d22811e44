// A tile of f32 products: up to 6 rows of the left side times a panel of 8 columns, with all sums in registers.

import { madd } from './lanes'

/** Rows of a tile, but for the last one. */
export const ROWS: i32 = 6
export const COLUMNS: i32 = 8

/** Rows as types, for kernels that are compiled once for each. */
type One = u8
type Two = u16
type Four = u32
type Six = u64

// @ts-ignore: decorator
@inline
function rowsOf<T>(): i32 {
  return sizeof<T>() == 8 ? 6 : <i32>sizeof<T>()
}

/** Rows of the tile that begins at `row` of `m`, more than there are left if no tile fits: the missing ones are zeros. */
// @ts-ignore: decorator
@inline
export function tileRows(row: i32, m: i32): i32 {
  const left = m - row
  if (left > 4) return ROWS
  return left == 3 ? 4 : left
}

/**
 * out [rows][8] = tile [k][rows] · panel [k][8], with `outBytes` from a row of the result to the next; sums begin with what lies
 * there unless `begins`.
 */
export function multiplyTile(
  rows: i32,
  tile: usize,
  panel: usize,
  out: usize,
  outBytes: usize,
  k: i32,
  begins: bool,
): void {
  if (rows == 6) multiply<Six>(tile, panel, out, outBytes, k, begins)
  else if (rows == 4) multiply<Four>(tile, panel, out, outBytes, k, begins)
  else if (rows == 2) multiply<Two>(tile, panel, out, outBytes, k, begins)
  else multiply<One>(tile, panel, out, outBytes, k, begins)
}

function multiply<T>(tile: usize, panel: usize, out: usize, outBytes: usize, k: i32, begins: bool): void {
  const rows = rowsOf<T>()
  let a0 = f32x4.splat(0)
  let a1 = f32x4.splat(0)
  let b0 = a0
  let b1 = a0
  let c0 = a0
  let c1 = a0
  let d0 = a0
  let d1 = a0
  let e0 = a0
  let e1 = a0
  let f0 = a0
  let f1 = a0
  if (!begins) {
    let from = out
    a0 = v128.load(from)
    a1 = v128.load(from, 16)
    if (rows > 1) {
      from += outBytes
      b0 = v128.load(from)
      b1 = v128.load(from, 16)
    }
    if (rows > 2) {
      from += outBytes
      c0 = v128.load(from)
      c1 = v128.load(from, 16)
      from += outBytes
      d0 = v128.load(from)
      d1 = v128.load(from, 16)
    }
    if (rows > 4) {
      from += outBytes
      e0 = v128.load(from)
      e1 = v128.load(from, 16)
      from += outBytes
      f0 = v128.load(from)
      f1 = v128.load(from, 16)
    }
  }
  const end = panel + (<usize>k << 5)
  for (; panel < end; panel += 32) {
    const p0 = v128.load(panel)
    const p1 = v128.load(panel, 16)
    let x = v128.load32_splat(tile)
    a0 = madd(x, p0, a0)
    a1 = madd(x, p1, a1)
    if (rows > 1) {
      x = v128.load32_splat(tile, 4)
      b0 = madd(x, p0, b0)
      b1 = madd(x, p1, b1)
    }
    if (rows > 2) {
      x = v128.load32_splat(tile, 8)
      c0 = madd(x, p0, c0)
      c1 = madd(x, p1, c1)
      x = v128.load32_splat(tile, 12)
      d0 = madd(x, p0, d0)
      d1 = madd(x, p1, d1)
    }
    if (rows > 4) {
      x = v128.load32_splat(tile, 16)
      e0 = madd(x, p0, e0)
      e1 = madd(x, p1, e1)
      x = v128.load32_splat(tile, 20)
      f0 = madd(x, p0, f0)
      f1 = madd(x, p1, f1)
    }
    tile += rows << 2
  }
  v128.store(out, a0)
  v128.store(out, a1, 16)
  if (rows > 1) {
    out += outBytes
    v128.store(out, b0)
    v128.store(out, b1, 16)
  }
  if (rows > 2) {
    out += outBytes
    v128.store(out, c0)
    v128.store(out, c1, 16)
    out += outBytes
    v128.store(out, d0)
    v128.store(out, d1, 16)
  }
  if (rows > 4) {
    out += outBytes
    v128.store(out, e0)
    v128.store(out, e1, 16)
    out += outBytes
    v128.store(out, f0)
    v128.store(out, f1, 16)
  }
}
