// Quantises activations, for each call, to blocks of integers with one scale, in the order in which the integer kernels read them. A
// block has as many columns as share a scale in the weight, 32 or 16. Tokens are grouped in tiles of 4, and the last ones in a tile of 1, 2
// or 4. A block of a tile is
//   values: 4 bytes of each token in turn: 4 neighbours as i8 for the dot product, or 2 as i16 for the widening product, which
//     costs the same for any i16 value, so these use the full range
//   f32 scale of each token
//   i32 correction of each token: -zero · Σ values, for weights that are stored with `zero` added; of pairs two i16, each half of it
//   f32 sum of each token: scale · Σ values, for weights with minima

import { PAIR, WIDEN } from './integer'
import { get, parallel, put, sharedScratch } from './parallel'

/** Tokens of a tile. */
export const TOKENS: i32 = 4

/** Tokens of the tile that begins at `token` of `tokens`: missing ones are zeros. */
// @ts-ignore: decorator
@inline
export function tileTokens(token: i32, tokens: i32): i32 {
  const left = tokens - token
  return left > 2 ? TOKENS : left
}

/** Bytes of one token's part in a block. */
// @ts-ignore: decorator
@inline
export function tokenBytes(columns: i32, widen: bool): i32 {
  return (widen ? 2 * columns : columns) + 12
}

/** x [tokens, k] in blocks of `columns` as tiles in the shared scratch memory. */
export function quantize(x: usize, tokens: i32, k: i32, columns: i32, zero: i32, product: i32): void {
  put(0, x)
  put(1, tokens)
  put(2, k)
  put(3, columns)
  put(4, zero)
  put(5, product)
  parallel(quantizeTiles, (tokens + TOKENS - 1) / TOKENS, max(1, 8192 / (min(tokens, TOKENS) * k)))
}

function quantizeTiles(begin: i32, end: i32): void {
  const x = get<usize>(0)
  const tokens = get<i32>(1)
  const k = get<i32>(2)
  const columns = get<i32>(3)
  const zero = get<i32>(4)
  const product = get<i32>(5)
  const perToken = <usize>(k / columns) * <usize>tokenBytes(columns, product == WIDEN)
  for (let index = begin; index < end; index++) {
    const first = index * TOKENS
    const target = sharedScratch() + <usize>first * perToken
    const tile = tileTokens(first, tokens)
    const present = min(tile, tokens - first)
    const step = <usize>tile << 2
    const blockBytes = <usize>(tile * tokenBytes(columns, product == WIDEN))
    if (present < tile) memory.fill(target, 0, <usize>tile * perToken)
    for (let token = 0; token < present; token++) {
      let from = x + (<usize>(first + token) * <usize>k << 2)
      let to = target + (<usize>token << 2)
      for (let i = 0; i < k; i += columns) {
        quantizeBlock(from, to, step, columns, zero, product)
        from += <usize>columns << 2
        to += blockBytes
      }
    }
  }
}

/** One block of 16 or 32 columns of one token; its 4-byte units lie `step` bytes apart. */
function quantizeBlock(x: usize, to: usize, step: usize, columns: i32, zero: i32, product: i32): void {
  const widen = product == WIDEN
  const x0 = v128.load(x)
  const x1 = v128.load(x, 16)
  const x2 = v128.load(x, 32)
  const x3 = v128.load(x, 48)
  let most = greatestOf(x0, x1, x2, x3)
  let x4 = x0
  let x5 = x0
  let x6 = x0
  let x7 = x0
  if (columns == 32) {
    x4 = v128.load(x, 64)
    x5 = v128.load(x, 80)
    x6 = v128.load(x, 96)
    x7 = v128.load(x, 112)
    most = i32x4.max_s(most, greatestOf(x4, x5, x6, x7))
  }
  most = i32x4.max_s(most, i32x4.shuffle(most, most, 2, 3, 0, 1))
  const greatest = reinterpret<f32>(max(i32x4.extract_lane(most, 0), i32x4.extract_lane(most, 1)))
  const top: f32 = widen ? 32767 : 127
  const factor = f32x4.splat(greatest > 0 ? top / greatest : 0)
  let a = narrow(x0, x1, factor)
  let b = narrow(x2, x3, factor)
  let sums = i32x4.add(i32x4.extadd_pairwise_i16x8_s(a), i32x4.extadd_pairwise_i16x8_s(b))
  if (widen) to = storeUnits(b, storeUnits(a, to, step), step)
  else to = storeUnits(i8x16.narrow_i16x8_s(a, b), to, step)
  if (columns == 32) {
    a = narrow(x4, x5, factor)
    b = narrow(x6, x7, factor)
    sums = i32x4.add(sums, i32x4.add(i32x4.extadd_pairwise_i16x8_s(a), i32x4.extadd_pairwise_i16x8_s(b)))
    if (widen) to = storeUnits(b, storeUnits(a, to, step), step)
    else to = storeUnits(i8x16.narrow_i16x8_s(a, b), to, step)
  }
  const pairs = i32x4.add(sums, i32x4.shuffle(sums, sums, 2, 3, 0, 1))
  const sum = i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1)
  const scale = greatest / top
  store<f32>(to, scale)
  if (product == PAIR) store<u32>(to + step, ((-zero * sum) >> 1 & 0xffff) * 0x10001)
  else store<i32>(to + step, -zero * sum)
  store<f32>(to + 2 * step, scale * <f32>sum)
}

/** The greatest magnitudes, as bits, which have the same order as the numbers, with NaN above all. */
// @ts-ignore: decorator
@inline
function greatestOf(a: v128, b: v128, c: v128, d: v128): v128 {
  return i32x4.max_s(i32x4.max_s(f32x4.abs(a), f32x4.abs(b)), i32x4.max_s(f32x4.abs(c), f32x4.abs(d)))
}

/** Eight numbers as i16. */
// @ts-ignore: decorator
@inline
function narrow(a: v128, b: v128, factor: v128): v128 {
  return i16x8.narrow_i32x4_s(rounded(a, factor), rounded(b, factor))
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
