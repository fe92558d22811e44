// The arguments of attention, and the layout of a thread's scratch memory: shared by attention.ts and attention-stretch.ts.

import { LANES } from './lanes'
import { get, privateScratch } from './parallel'

/** Rows of a stretch. */
export const STRETCH: i32 = 256
/** By how many rows the first rows of a block's tokens may differ. */
export const SPREAD: i32 = 64
/** Scores of a query: a stretch, the rows by which its block begins earlier, and the padding of vectors. */
export const WIDTH: i32 = STRETCH + SPREAD + 4
/** Queries of a unit, unless one token alone has more. */
export const QUERIES: i32 = 64
/** Numbers of a tile of keys or values: 16 KiB. */
export const TILE: i32 = 4096

// The arguments.
export const Q: i32 = 0
export const KEYS: i32 = 1
export const VALUES: i32 = 2
export const FIRST: i32 = 3
export const LAST: i32 = 4
export const OUT: i32 = 5
export const HEADS: i32 = 6
export const KV_HEADS: i32 = 7
export const HEAD_DIM: i32 = 8
export const SCALE: i32 = 9
export const DTYPE: i32 = 10
export const BLOCKS: i32 = 11
export const STRETCHES: i32 = 12 // results of stretches that are kept for each query
export const PARTIAL: i32 = 13
export const BLOCK_COUNT: i32 = 14
export const ROWS: i32 = 16 // queries of the greatest unit, each kv head's as whole fours
export const UNIT_HEADS: i32 = 17 // kv heads of a unit

// @ts-ignore: decorator
@inline
export function firstOf(token: i32): i32 {
  return load<i32>(get<usize>(FIRST) + (<usize>token << 2))
}

// @ts-ignore: decorator
@inline
export function lastOf(token: i32): i32 {
  return load<i32>(get<usize>(LAST) + (<usize>token << 2))
}

// @ts-ignore: decorator
@inline
export function padded(headDim: i32): i32 {
  return (headDim + 3) & ~3
}

// @ts-ignore: decorator
@inline
export function stretchesOf(token: i32): i32 {
  return max(0, lastOf(token) - firstOf(token) + STRETCH) / STRETCH
}

// @ts-ignore: decorator
@inline
export function wholeFours(count: i32): i32 {
  return (count + 3) & ~3
}

/** The number of a query head among all of all tokens. */
// @ts-ignore: decorator
@inline
export function headOf(token: i32, kvHead: i32, index: i32): i32 {
  const heads = get<i32>(HEADS)
  return token * heads + kvHead * (heads / get<i32>(KV_HEADS)) + index
}

// A thread's own scratch memory, for R queries of a unit, each kv head's as whole fours:
//   queries [R / 4, D / 4, 4, 4], scaled; sums [R, D] of a stretch; totals [R, D] of the stretches before it;
//   scores [R, WIDTH]; weights of four queries [rows of a tile + 4, 4]; a tile of keys or values [rows, D];
//   begin, end, top, sum [R] of a stretch; top, sum [R] of those before it.

// @ts-ignore: decorator
@inline
export function queries(): usize {
  return privateScratch()
}

// @ts-ignore: decorator
@inline
export function blockBytes(): usize {
  return <usize>(get<i32>(ROWS) * padded(get<i32>(HEAD_DIM))) << 2
}

// @ts-ignore: decorator
@inline
export function sums(): usize {
  return queries() + blockBytes()
}

// @ts-ignore: decorator
@inline
export function scores(): usize {
  return queries() + 3 * blockBytes()
}

// @ts-ignore: decorator
@inline
export function weights(): usize {
  return scores() + <usize>(get<i32>(ROWS) * WIDTH) * 4
}

// @ts-ignore: decorator
@inline
export function tileArea(): usize {
  return weights() + ((STRETCH + LANES) << 4)
}

// @ts-ignore: decorator
@inline
export function begins(): usize {
  return tileArea() + (<usize>max(TILE, padded(get<i32>(HEAD_DIM))) << 2)
}

// @ts-ignore: decorator
@inline
export function tops(): usize {
  return begins() + (<usize>(2 * get<i32>(ROWS)) << 2)
}

export function ownBytes(): usize {
  return begins() - privateScratch() + (<usize>(6 * get<i32>(ROWS)) << 2)
}
