// Tiles of products: a few rows of the left side times a panel of 8 columns, with all sums in registers. In a tile of quantised
// tokens, the products of a block of columns add up as integers, exactly; blocks are scaled and added up in f32, in the order of
// columns. So a row's result is the same bits in a tile of any size.

import { blockStart, blockSum, loadUnits, productAdd, takesTwo, twoProductsAdd, unitBytes } from './integer'
import { madd } from './lanes'
import { SCALES } from './panels'

/** How many rows a tile has, as types, for kernels that are compiled once for each. */
export type One = u8
export type Two = u16
export type Four = u32
type Six = u64

// @ts-ignore: decorator
@inline
function rowsOf<T>(): i32 {
  return sizeof<T>() == 8 ? 6 : <i32>sizeof<T>()
}

// @ts-ignore: decorator
@inline
function storeRow(out: usize, low: v128, high: v128): void {
  v128.store(out, low)
  v128.store(out, high, 16)
}

/** Rows of a tile of f32 numbers, except the last one. */
export const ROWS: i32 = 6
export const COLUMNS: i32 = 8

/** Rows of the tile that begins at `row` of `m`. It can be more than the rows that are left; missing rows are zeros. */
// @ts-ignore: decorator
@inline
export function tileRows(row: i32, m: i32): i32 {
  const left = m - row
  if (left > 4) return ROWS
  return left == 3 ? 4 : left
}

/**
 * out [rows][8] = tile [k][rows] · panel [k][8], with `outBytes` from a row of the result to the next. Sums begin with the values in
 * `out` unless `begins`.
 */
export function multiplyFloatTile(
  rows: i32,
  tile: usize,
  panel: usize,
  out: usize,
  outBytes: usize,
  k: i32,
  begins: bool,
): void {
  if (rows == 6) multiplyFloats<Six>(tile, panel, out, outBytes, k, begins)
  else if (rows == 4) multiplyFloats<Four>(tile, panel, out, outBytes, k, begins)
  else if (rows == 2) multiplyFloats<Two>(tile, panel, out, outBytes, k, begins)
  else multiplyFloats<One>(tile, panel, out, outBytes, k, begins)
}

function multiplyFloats<T>(tile: usize, panel: usize, out: usize, outBytes: usize, k: i32, begins: bool): void {
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
  storeRow(out, a0, a1)
  if (rows > 1) {
    out += outBytes
    storeRow(out, b0, b1)
  }
  if (rows > 2) {
    out += outBytes
    storeRow(out, c0, c1)
    out += outBytes
    storeRow(out, d0, d1)
  }
  if (rows > 4) {
    out += outBytes
    storeRow(out, e0, e1)
    out += outBytes
    storeRow(out, f0, f1)
  }
}

/**
 * out [tokens][8] += x · valuesᵀ over `blocks` blocks of `units` 4-byte units.
 * @param values bytes of a block's values, `valueStep` bytes from a block to the next
 * @param scales f32 [blocks][8]
 * @param minima as scales, or 0 if the type has no minima
 * @param out `outStep` bytes from a token to the next
 */
export function multiplyQuantizedTile<P, T>(
  x: usize,
  values: usize,
  valueStep: usize,
  units: i32,
  scales: usize,
  minima: usize,
  blocks: i32,
  out: usize,
  outStep: usize,
): void {
  const tokens: usize = sizeof<T>()
  const step: usize = 4 * tokens
  const unit = unitBytes<P>()
  let a0 = v128.load(out)
  let a1 = v128.load(out, 16)
  let b0 = a0
  let b1 = a1
  let c0 = a0
  let c1 = a1
  let d0 = a0
  let d1 = a1
  if (tokens > 1) {
    b0 = v128.load(out + outStep)
    b1 = v128.load(out + outStep, 16)
  }
  if (tokens > 2) {
    c0 = v128.load(out + 2 * outStep)
    c1 = v128.load(out + 2 * outStep, 16)
    d0 = v128.load(out + 3 * outStep)
    d1 = v128.load(out + 3 * outStep, 16)
  }
  for (let block = 0; block < blocks; block++) {
    const end = x + <usize>units * step
    const corrections = end + step
    let i0 = blockStart(corrections)
    let i1 = i0
    let j0 = i0
    let k0 = i0
    let l0 = i0
    if (tokens > 1) j0 = blockStart(corrections + 4)
    if (tokens > 2) {
      k0 = blockStart(corrections + 8)
      l0 = blockStart(corrections + 12)
    }
    let j1 = j0
    let k1 = k0
    let l1 = l0
    if (takesTwo<P>())
      for (let w = values; x < end; x += 2 * step) {
        const w0 = loadUnits<P>(w)
        const w1 = loadUnits<P>(w + unit)
        const w2 = loadUnits<P>(w + 2 * unit)
        const w3 = loadUnits<P>(w + 3 * unit)
        let u = v128.load32_splat(x)
        let v = v128.load32_splat(x + step)
        i0 = twoProductsAdd<P>(u, w0, v, w2, i0)
        i1 = twoProductsAdd<P>(u, w1, v, w3, i1)
        if (tokens > 1) {
          u = v128.load32_splat(x, 4)
          v = v128.load32_splat(x + step, 4)
          j0 = twoProductsAdd<P>(u, w0, v, w2, j0)
          j1 = twoProductsAdd<P>(u, w1, v, w3, j1)
        }
        if (tokens > 2) {
          u = v128.load32_splat(x, 8)
          v = v128.load32_splat(x + step, 8)
          k0 = twoProductsAdd<P>(u, w0, v, w2, k0)
          k1 = twoProductsAdd<P>(u, w1, v, w3, k1)
          u = v128.load32_splat(x, 12)
          v = v128.load32_splat(x + step, 12)
          l0 = twoProductsAdd<P>(u, w0, v, w2, l0)
          l1 = twoProductsAdd<P>(u, w1, v, w3, l1)
        }
        w += 4 * unit
      }
    else
      for (let w = values; x < end; x += step) {
        const w0 = loadUnits<P>(w)
        const w1 = loadUnits<P>(w + unit)
        let u = v128.load32_splat(x)
        i0 = productAdd<P>(u, w0, i0)
        i1 = productAdd<P>(u, w1, i1)
        if (tokens > 1) {
          u = v128.load32_splat(x, 4)
          j0 = productAdd<P>(u, w0, j0)
          j1 = productAdd<P>(u, w1, j1)
        }
        if (tokens > 2) {
          u = v128.load32_splat(x, 8)
          k0 = productAdd<P>(u, w0, k0)
          k1 = productAdd<P>(u, w1, k1)
          u = v128.load32_splat(x, 12)
          l0 = productAdd<P>(u, w0, l0)
          l1 = productAdd<P>(u, w1, l1)
        }
        w += 2 * unit
      }
    const scale0 = v128.load(scales)
    const scale1 = v128.load(scales, 16)
    let scale = v128.load32_splat(x)
    a0 = madd(blockSum<P>(i0), f32x4.mul(scale, scale0), a0)
    a1 = madd(blockSum<P>(i1), f32x4.mul(scale, scale1), a1)
    if (tokens > 1) {
      scale = v128.load32_splat(x, 4)
      b0 = madd(blockSum<P>(j0), f32x4.mul(scale, scale0), b0)
      b1 = madd(blockSum<P>(j1), f32x4.mul(scale, scale1), b1)
    }
    if (tokens > 2) {
      scale = v128.load32_splat(x, 8)
      c0 = madd(blockSum<P>(k0), f32x4.mul(scale, scale0), c0)
      c1 = madd(blockSum<P>(k1), f32x4.mul(scale, scale1), c1)
      scale = v128.load32_splat(x, 12)
      d0 = madd(blockSum<P>(l0), f32x4.mul(scale, scale0), d0)
      d1 = madd(blockSum<P>(l1), f32x4.mul(scale, scale1), d1)
    }
    if (minima != 0) {
      const minimum0 = v128.load(minima)
      const minimum1 = v128.load(minima, 16)
      const sums = x + 2 * step
      let sum = v128.load32_splat(sums)
      a0 = madd(sum, minimum0, a0)
      a1 = madd(sum, minimum1, a1)
      if (tokens > 1) {
        sum = v128.load32_splat(sums, 4)
        b0 = madd(sum, minimum0, b0)
        b1 = madd(sum, minimum1, b1)
      }
      if (tokens > 2) {
        sum = v128.load32_splat(sums, 8)
        c0 = madd(sum, minimum0, c0)
        c1 = madd(sum, minimum1, c1)
        sum = v128.load32_splat(sums, 12)
        d0 = madd(sum, minimum0, d0)
        d1 = madd(sum, minimum1, d1)
      }
      minima += SCALES
    }
    x += 3 * step
    values += valueStep
    scales += SCALES
  }
  storeRow(out, a0, a1)
  if (tokens > 1) {
    storeRow(out + outStep, b0, b1)
  }
  if (tokens > 2) {
    storeRow(out + 2 * outStep, c0, c1)
    storeRow(out + 3 * outStep, d0, d1)
  }
}
