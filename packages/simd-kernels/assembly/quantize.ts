// Activations as blocks of 32 integers with one scale, made anew for each call, in the order in which the integer kernels read them.
// Tokens go in tiles of 4, or alone when there is but one. A block of a tile is
//   values: 4 bytes of each token in turn: 4 neighbours as i8 for the dot product, or 2 as i16 for the widening product, which
//     costs the same whatever an i16 holds, so these use all of it
//   f32 scale of each token
//   i32 correction of each token: -zero · Σ values, for weights that are stored with `zero` added

import { maxOf } from './lanes'
import { get, parallel, put, sharedScratch } from './parallel'

export const BLOCK: i32 = 32
/** Tokens of a tile, unless there is only one token. */
export const TOKENS: i32 = 4

/** Bytes of one token's part in a block. */
// @ts-ignore: decorator
@inline
export function tokenBytes(widen: bool): i32 {
  return (widen ? 64 : 32) + 8
}

/** x [tokens, k] as tiles of `tile` tokens in the shared scratch memory, missing ones as zeros. */
export function quantize(x: usize, tokens: i32, k: i32, tile: i32, zero: i32, widen: bool): void {
  put(0, x)
  put(1, tokens)
  put(2, k)
  put(3, tile)
  put(4, zero)
  put(5, <i32>widen)
  parallel(quantizeTiles, (tokens + tile - 1) / tile, max(1, 8192 / (tile * k)))
}

function quantizeTiles(begin: i32, end: i32): void {
  const x = get<usize>(0)
  const tokens = get<i32>(1)
  const k = get<i32>(2)
  const tile = get<i32>(3)
  const zero = get<i32>(4)
  const widen = get<i32>(5) != 0
  const blockBytes = <usize>(tile * tokenBytes(widen))
  const step = <usize>tile << 2
  const tileBytes = <usize>(k / BLOCK) * blockBytes
  for (let index = begin; index < end; index++) {
    const target = sharedScratch() + <usize>index * tileBytes
    const present = min(tile, tokens - index * tile)
    if (present < tile) memory.fill(target, 0, tileBytes)
    for (let token = 0; token < present; token++) {
      let from = x + (<usize>(index * tile + token) * <usize>k << 2)
      let to = target + (<usize>token << 2)
      for (let i = 0; i < k; i += BLOCK) {
        quantizeBlock(from, to, step, zero, widen)
        from += BLOCK << 2
        to += blockBytes
      }
    }
  }
}

/** One block of one token; its 4-byte units lie `step` bytes apart. */
function quantizeBlock(x: usize, to: usize, step: usize, zero: i32, widen: bool): void {
  const x0 = v128.load(x)
  const x1 = v128.load(x, 16)
  const x2 = v128.load(x, 32)
  const x3 = v128.load(x, 48)
  const x4 = v128.load(x, 64)
  const x5 = v128.load(x, 80)
  const x6 = v128.load(x, 96)
  const x7 = v128.load(x, 112)
  const m0 = f32x4.max(f32x4.max(f32x4.abs(x0), f32x4.abs(x1)), f32x4.max(f32x4.abs(x2), f32x4.abs(x3)))
  const m1 = f32x4.max(f32x4.max(f32x4.abs(x4), f32x4.abs(x5)), f32x4.max(f32x4.abs(x6), f32x4.abs(x7)))
  const greatest = maxOf(f32x4.max(m0, m1))
  const most: f32 = widen ? 32767 : 127
  const factor = f32x4.splat(greatest > 0 ? most / greatest : 0)
  const a = i16x8.narrow_i32x4_s(rounded(x0, factor), rounded(x1, factor))
  const b = i16x8.narrow_i32x4_s(rounded(x2, factor), rounded(x3, factor))
  const c = i16x8.narrow_i32x4_s(rounded(x4, factor), rounded(x5, factor))
  const d = i16x8.narrow_i32x4_s(rounded(x6, factor), rounded(x7, factor))
  if (widen) {
    to = storeUnits(c, storeUnits(b, storeUnits(a, to, step), step), step)
    to = storeUnits(d, to, step)
  } else {
    to = storeUnits(i8x16.narrow_i16x8_s(a, b), to, step)
    to = storeUnits(i8x16.narrow_i16x8_s(c, d), to, step)
  }
  const ab = i32x4.add(i32x4.extadd_pairwise_i16x8_s(a), i32x4.extadd_pairwise_i16x8_s(b))
  const cd = i32x4.add(i32x4.extadd_pairwise_i16x8_s(c), i32x4.extadd_pairwise_i16x8_s(d))
  const sums = i32x4.add(ab, cd)
  const pairs = i32x4.add(sums, i32x4.shuffle(sums, sums, 2, 3, 0, 1))
  store<f32>(to, greatest / most)
  store<i32>(to + step, -zero * (i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1)))
}

// @ts-ignore: decorator
@inline
function rounded(x: v128, factor: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(x, factor)))
}

/** Four 4-byte units; returns where the next goes. */
// @ts-ignore: decorator
@inline
function storeUnits(units: v128, to: usize, step: usize): usize {
  v128.store_lane<u32>(to, units, 0)
  v128.store_lane<u32>(to + step, units, 1)
  v128.store_lane<u32>(to + 2 * step, units, 2)
  v128.store_lane<u32>(to + 3 * step, units, 3)
  return to + 4 * step
}
