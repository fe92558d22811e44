// A tile of products: 1, 2 or 4 quantised tokens times 8 rows of a panel, one block of columns after the other. The products of a
// block add up as integers, exactly; blocks are scaled and added up in f32, in the order of columns. So a row's result is the same
// bits in a tile of any size.

import { blockStart, blockSum, loadUnits, productAdd, takesTwo, twoProductsAdd, unitBytes } from './integer'
import { madd } from './lanes'
import { SCALES } from './panels'

/** How many tokens a tile has, as types, for kernels that are compiled once for each. */
export type One = u8
export type Two = u16
export type Four = u32

/**
 * out [tokens][8] += x · valuesᵀ over `blocks` blocks of `units` 4-byte units.
 * @param values bytes of a block's values, `valueStep` bytes from a block to the next
 * @param scales f32 [blocks][8]
 * @param minima as scales, or 0 if the type has no minima
 * @param out `outStep` bytes from a token to the next
 */
export function multiplyTile<P, T>(
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
  v128.store(out, a0)
  v128.store(out, a1, 16)
  if (tokens > 1) {
    v128.store(out + outStep, b0)
    v128.store(out + outStep, b1, 16)
  }
  if (tokens > 2) {
    v128.store(out + 2 * outStep, c0)
    v128.store(out + 2 * outStep, c1, 16)
    v128.store(out + 3 * outStep, d0)
    v128.store(out + 3 * outStep, d1, 16)
  }
}
