// Exact softmax attention over ranges of a cache: query n sees rows first[n] to last[n].
// H heads, K kv heads, C head dim, D = C rounded up to a multiple of 4; query head h reads kv head ⌊h / (H / K)⌋.
//
// A query's range is cut into stretches of 256 rows, counted from its own first row. A stretch gives the greatest score, the sum of
// the powers and the weighted sum of the values; stretches are joined in order, each rescaled to the greater maximum (Milakov and
// Gimelshein 2018). So the order of summation depends on nothing but the query's own range: not on the other queries, the threads, or
// the rows where the range lies.
//
// Neighbouring tokens whose ranges begin at nearly the same row are a block. A block's queries of one kv head are computed together,
// four at a time, over tiles of keys and values that stay in the first-level cache. A call with few blocks gives each stretch to a
// thread of its own.

import { addFour, addOne, greatestOf, interleave, leastOf, QUERY_STEP, scoreFour, scoreOne, spreadQuery } from './attention-tiles'
import { CACHE_F16_FACTOR, F32, rowBytes, widenRows } from './cache-rows'
import { exp, F16_FACTOR, LANES, madd } from './lanes'
import { get, parallel, privateScratch, put, reserve, sharedScratch } from './parallel'
import { exponentials, greatest } from './softmax'

const STRETCH: i32 = 256
/** By how many rows the first rows of a block's tokens may differ. */
const SPREAD: i32 = 64
/** Scores of a query: a stretch, what its block begins earlier, and what vectors reach beyond. */
const WIDTH: i32 = STRETCH + SPREAD + 4
/** Queries of a block, unless one token alone has more. */
const QUERIES: i32 = 32
/** Numbers of a tile of keys or values: 16 KiB. */
const TILE: i32 = 4096
/** Fewer queries than this read f32 keys and values where they lie; more copy them into a tile. */
const FEW: i32 = 9
/** With fewer units than this, stretches are units of their own. */
const MANY_UNITS: i32 = 64
/** Bytes that the results of stretches may take. */
const MOST_PARTIAL: usize = 1 << 25

const Q: i32 = 0
const KEYS: i32 = 1
const VALUES: i32 = 2
const FIRST: i32 = 3
const LAST: i32 = 4
const OUT: i32 = 5
const HEADS: i32 = 6
const KV_HEADS: i32 = 7
const HEAD_DIM: i32 = 8
const SCALE: i32 = 9
const DTYPE: i32 = 10
const BLOCKS: i32 = 11
const STRETCHES: i32 = 12 // results of stretches that are kept for each query
const PARTIAL: i32 = 13
const BLOCK_COUNT: i32 = 14
const ROWS: i32 = 16 // queries of the greatest block, as whole fours

// @ts-ignore: decorator
@inline
function firstOf(token: i32): i32 {
  return load<i32>(get<usize>(FIRST) + (<usize>token << 2))
}

// @ts-ignore: decorator
@inline
function lastOf(token: i32): i32 {
  return load<i32>(get<usize>(LAST) + (<usize>token << 2))
}

// @ts-ignore: decorator
@inline
function padded(headDim: i32): i32 {
  return (headDim + 3) & ~3
}

// @ts-ignore: decorator
@inline
function stretchesOf(token: i32): i32 {
  return max(0, lastOf(token) - firstOf(token) + STRETCH) / STRETCH
}

/** q, out [tokens, H, C]; k, v [S, K, C] as the cache stores them; first, last i32 [tokens]. */
export function attention(
  q: usize,
  k: usize,
  v: usize,
  first: usize,
  last: usize,
  out: usize,
  tokens: i32,
  heads: i32,
  kvHeads: i32,
  headDim: i32,
  scale: f32,
  dtype: i32,
): void {
  put(Q, q)
  put(KEYS, k)
  put(VALUES, v)
  put(FIRST, first)
  put(LAST, last)
  put(OUT, out)
  put(HEADS, heads)
  put(KV_HEADS, kvHeads)
  put(HEAD_DIM, headDim)
  put(SCALE, scale)
  put(DTYPE, dtype)
  put(F16_FACTOR, CACHE_F16_FACTOR)
  const group = heads / kvHeads
  const most = max(1, QUERIES / group)
  put(ROWS, (most * group + 3) & ~3)
  let stretches = 0
  for (let token = 0; token < tokens; token++) stretches = max(stretches, stretchesOf(token))
  const listBytes = ((<usize>tokens << 3) + 63) & ~63
  const partial = <usize>(tokens * heads) * <usize>stretches * resultBytes(headDim)
  const mayCut = stretches > 1 && partial <= MOST_PARTIAL
  reserve(listBytes + (mayCut ? partial : 0), ownBytes())
  put(BLOCKS, sharedScratch())
  put(PARTIAL, sharedScratch() + listBytes)
  const blocks = listBlocks(tokens, most)
  put(BLOCK_COUNT, blocks)
  const units = blocks * kvHeads
  if (mayCut && units < MANY_UNITS) {
    put(STRETCHES, stretches)
    parallel(attendStretches, units * stretches, 1)
    parallel(joinRange, tokens * heads, max(1, 4096 / (stretches * headDim)))
  } else parallel(attendBlocks, units, 1)
}

/** Lists the first token and the number of tokens of each block; returns how many blocks there are. */
function listBlocks(tokens: i32, most: i32): i32 {
  let to = get<usize>(BLOCKS)
  let blocks = 0
  for (let token = 0; token < tokens; blocks++) {
    let low = firstOf(token)
    let high = low
    let end = token + 1
    for (; end < tokens && end - token < most; end++) {
      low = min(low, firstOf(end))
      high = max(high, firstOf(end))
      if (high - low > SPREAD) break
    }
    store<i32>(to, token)
    store<i32>(to, end - token, 4)
    to += 8
    token = end
  }
  return blocks
}

/** A stored result of a stretch: the greatest score, the sum of powers, two unused numbers, and the weighted values [D]. */
// @ts-ignore: decorator
@inline
function resultBytes(headDim: i32): usize {
  return <usize>(padded(headDim) + 4) << 2
}

// A thread's own scratch memory. R queries of a block, as whole fours:
//   queries [R / 4, D / 4, 4, 4], scaled; sums [R, D] of a stretch; totals [R, D] of the stretches before it;
//   scores [R, WIDTH]; weights of four queries [rows of a tile + 4, 4]; a tile of keys or values [rows, D];
//   begin, end, top, sum [R] of a stretch; top, sum [R] of those before it.

// @ts-ignore: decorator
@inline
function queries(): usize {
  return privateScratch()
}

// @ts-ignore: decorator
@inline
function blockBytes(): usize {
  return <usize>(get<i32>(ROWS) * padded(get<i32>(HEAD_DIM))) << 2
}

// @ts-ignore: decorator
@inline
function scoresOffset(): usize {
  return 3 * blockBytes()
}

// @ts-ignore: decorator
@inline
function weightsOffset(): usize {
  return scoresOffset() + <usize>(get<i32>(ROWS) * WIDTH) * 4
}

// @ts-ignore: decorator
@inline
function tileOffset(): usize {
  return weightsOffset() + ((STRETCH + 4) << 4)
}

// @ts-ignore: decorator
@inline
function rangesOffset(): usize {
  return tileOffset() + (<usize>max(TILE, padded(get<i32>(HEAD_DIM))) << 2)
}

function ownBytes(): usize {
  return rangesOffset() + (<usize>(6 * get<i32>(ROWS)) << 2)
}

/** Every unit is one kv head of one block, neighbours of one kv head. */
function attendBlocks(begin: i32, end: i32): void {
  const blocks = get<i32>(BLOCK_COUNT)
  for (let unit = begin; unit < end; unit++) {
    const kvHead = unit / blocks
    const block = get<usize>(BLOCKS) + (<usize>(unit - kvHead * blocks) << 3)
    attendBlock(kvHead, load<i32>(block), load<i32>(block, 4))
  }
}

function attendBlock(kvHead: i32, token: i32, tokens: i32): void {
  const group = get<i32>(HEADS) / get<i32>(KV_HEADS)
  const headDim = get<i32>(HEAD_DIM)
  const bytes = <usize>padded(headDim) << 2
  const rows = tokens * group
  const sums = privateScratch() + blockBytes()
  const totals = sums + blockBytes()
  const tops = privateScratch() + rangesOffset() + (<usize>(2 * get<i32>(ROWS)) << 2)
  const listBytes = <usize>get<i32>(ROWS) << 2
  let stretches = 0
  for (let t = token; t < token + tokens; t++) stretches = max(stretches, stretchesOf(t))
  scaleQueries(kvHead, token, rows)
  for (let stretch = 0; stretch < stretches; stretch++) {
    attendStretch(kvHead, token, tokens, stretch)
    for (let i = 0; i < rows; i++)
      if (stretch < stretchesOf(token + i / group)) {
        const at = <usize>i * bytes
        const top = tops + (<usize>i << 2)
        joinStretch(stretch == 0, top, top + listBytes, sums + at, top + 2 * listBytes, top + 3 * listBytes, totals + at, bytes)
      }
  }
  for (let i = 0; i < rows; i++) {
    const t = token + i / group
    const out = get<usize>(OUT) + (<usize>((t * get<i32>(HEADS) + kvHead * group + (i % group)) * headDim) << 2)
    const sum = load<f32>(tops + 3 * listBytes + (<usize>i << 2))
    finish(stretchesOf(t) > 0, totals + <usize>i * bytes, sum, out)
  }
}

/** Every unit is one stretch of one kv head of one block; its results go where all threads find them. */
function attendStretches(begin: i32, end: i32): void {
  const group = get<i32>(HEADS) / get<i32>(KV_HEADS)
  const blocks = get<i32>(BLOCK_COUNT)
  const stretches = get<i32>(STRETCHES)
  const bytes = <usize>padded(get<i32>(HEAD_DIM)) << 2
  const result = resultBytes(get<i32>(HEAD_DIM))
  const listBytes = <usize>get<i32>(ROWS) << 2
  for (let unit = begin; unit < end; unit++) {
    const stretch = unit % stretches
    const kvHead = unit / stretches / blocks
    const block = get<usize>(BLOCKS) + (<usize>(unit / stretches - kvHead * blocks) << 3)
    const token = load<i32>(block)
    const tokens = load<i32>(block, 4)
    let longest = 0
    for (let t = token; t < token + tokens; t++) longest = max(longest, stretchesOf(t))
    if (stretch >= longest) continue
    scaleQueries(kvHead, token, tokens * group)
    attendStretch(kvHead, token, tokens, stretch)
    for (let i = 0; i < tokens * group; i++) {
      const head = (token + i / group) * get<i32>(HEADS) + kvHead * group + (i % group)
      const to = get<usize>(PARTIAL) + <usize>(head * stretches + stretch) * result
      const top = privateScratch() + rangesOffset() + 2 * listBytes + (<usize>i << 2)
      store<f32>(to, load<f32>(top))
      store<f32>(to, load<f32>(top + listBytes), 4)
      memory.copy(to + 16, privateScratch() + blockBytes() + <usize>i * bytes, bytes)
    }
  }
}

/** Joins the stored stretches of heads, one after the other. */
function joinRange(begin: i32, end: i32): void {
  const heads = get<i32>(HEADS)
  const headDim = get<i32>(HEAD_DIM)
  const bytes = <usize>padded(headDim) << 2
  const result = resultBytes(headDim)
  const totals = privateScratch() + 16
  for (let head = begin; head < end; head++) {
    const stretches = stretchesOf(head / heads)
    let from = get<usize>(PARTIAL) + <usize>(head * get<i32>(STRETCHES)) * result
    for (let stretch = 0; stretch < stretches; stretch++) {
      joinStretch(stretch == 0, from, from + 4, from + 16, totals - 16, totals - 12, totals, bytes)
      from += result
    }
    const out = get<usize>(OUT) + (<usize>(head * headDim) << 2)
    finish(stretches > 0, totals, load<f32>(totals - 12), out)
  }
}

/** Adds a stretch, its greatest score `top`, sum of powers `sum` and `values`, to those before it; all are pointers. */
function joinStretch(
  isFirst: bool,
  top: usize,
  sum: usize,
  values: usize,
  totalTop: usize,
  totalSum: usize,
  totals: usize,
  bytes: usize,
): void {
  if (isFirst) {
    store<f32>(totalTop, load<f32>(top))
    store<f32>(totalSum, load<f32>(sum))
    for (let i: usize = 0; i < bytes; i += 16) v128.store(totals + i, v128.load(values + i))
    return
  }
  const newTop = max(load<f32>(totalTop), load<f32>(top))
  const newTops = f32x4.splat(newTop)
  const kept = exp(f32x4.sub(v128.load32_splat(totalTop), newTops))
  const added = exp(f32x4.sub(v128.load32_splat(top), newTops))
  const sums = f32x4.mul(v128.load32_splat(totalSum), kept)
  store<f32>(totalTop, newTop)
  store<f32>(totalSum, f32x4.extract_lane(madd(v128.load32_splat(sum), added, sums), 0))
  for (let i: usize = 0; i < bytes; i += 16)
    v128.store(totals + i, madd(v128.load(values + i), added, f32x4.mul(v128.load(totals + i), kept)))
}

/** out [C] = values / sum, or zeros for a query that sees no row. */
function finish(sees: bool, values: usize, sum: f32, out: usize): void {
  const headDim = get<i32>(HEAD_DIM)
  if (!sees) {
    memory.fill(out, 0, <usize>headDim << 2)
    return
  }
  const factor = <f32>1 / sum
  let i = 0
  for (; i + LANES <= headDim; i += LANES)
    v128.store(out + (<usize>i << 2), f32x4.mul(v128.load(values + (<usize>i << 2)), f32x4.splat(factor)))
  for (; i < headDim; i++) store<f32>(out + (<usize>i << 2), load<f32>(values + (<usize>i << 2)) * factor)
}

/** The queries of one kv head of a block, token after token, times the scale, fours interleaved; missing columns are zeros. */
function scaleQueries(kvHead: i32, token: i32, rows: i32): void {
  const heads = get<i32>(HEADS)
  const group = heads / get<i32>(KV_HEADS)
  const headDim = get<i32>(HEAD_DIM)
  const bytes = <usize>padded(headDim) << 2
  for (let i = 0; i < rows; i++) {
    const head = (token + i / group) * heads + kvHead * group + (i % group)
    const to = queries() + <usize>(i & ~3) * bytes + (<usize>(i & 3) << 4)
    spreadQuery(get<usize>(Q) + (<usize>(head * headDim) << 2), headDim, get<f32>(SCALE), to, QUERY_STEP)
  }
}

/** Fills the areas `sums` and begin, end, top, sum for one stretch of all queries of a block. */
function attendStretch(kvHead: i32, token: i32, tokens: i32, stretch: i32): void {
  const group = get<i32>(HEADS) / get<i32>(KV_HEADS)
  const rows = tokens * group
  const dim = padded(get<i32>(HEAD_DIM))
  const bytes = <usize>dim << 2
  const begins = privateScratch() + rangesOffset()
  const ends = begins + (<usize>get<i32>(ROWS) << 2)
  const tops = ends + (<usize>get<i32>(ROWS) << 2)
  const totals = tops + (<usize>get<i32>(ROWS) << 2)
  const scores = privateScratch() + scoresOffset()
  const sums = privateScratch() + blockBytes()
  const weights = privateScratch() + weightsOffset()

  // Rows are counted from the first of the block's earliest query.
  let base = firstOf(token)
  for (let t = token + 1; t < token + tokens; t++) base = min(base, firstOf(t))
  let width = 0
  for (let i = 0; i < rows; i++) {
    const t = token + i / group
    const begin = firstOf(t) - base
    const end = max(begin, min(begin + STRETCH, lastOf(t) + 1 - base - stretch * STRETCH))
    store<i32>(begins + (<usize>i << 2), begin)
    store<i32>(ends + (<usize>i << 2), end)
    if (end > begin) width = max(width, end)
  }
  base += stretch * STRETCH

  const direct = get<i32>(DTYPE) == F32 && rows < FEW && dim == get<i32>(HEAD_DIM)
  const stride = direct ? rowBytes(F32, get<i32>(KV_HEADS) * dim) : bytes
  const tileRows = min(STRETCH, max(1, TILE / dim))
  for (let row = 0; row < width; row += tileRows) {
    const tileEnd = min(row + tileRows, width)
    const keys = rowsOf(get<usize>(KEYS), base + row, tileEnd - row, kvHead, direct)
    let i = 0
    for (; i + 4 <= rows; i += 4) {
      const list = <usize>i << 2
      const from = max(row, leastOf(begins + list))
      const to = min(tileEnd, greatestOf(ends + list))
      if (from >= to) continue
      const q = queries() + <usize>i * bytes
      const score = scores + (<usize>(i * WIDTH + from) << 2)
      scoreFour(q, keys + <usize>(from - row) * stride, stride, bytes, score, WIDTH << 2, to - from)
    }
    for (; i < rows; i++) {
      const from = max(row, load<i32>(begins + (<usize>i << 2)))
      const to = min(tileEnd, load<i32>(ends + (<usize>i << 2)))
      const q = queries() + <usize>(i & ~3) * bytes + (<usize>(i & 3) << 4)
      const score = scores + (<usize>(i * WIDTH + from) << 2)
      if (from < to) scoreOne(q, keys + <usize>(from - row) * stride, stride, bytes, score, to - from)
    }
  }

  for (let i = 0; i < rows; i++) {
    const begin = load<i32>(begins + (<usize>i << 2))
    const count = load<i32>(ends + (<usize>i << 2)) - begin
    if (count == 0) continue
    const score = scores + (<usize>(i * WIDTH + begin) << 2)
    const top = greatest(score, count)
    store<f32>(tops + (<usize>i << 2), top)
    store<f32>(totals + (<usize>i << 2), exponentials(score, score, count, top))
  }

  memory.fill(sums, 0, <usize>rows * bytes)
  for (let row = 0; row < width; row += tileRows) {
    const tileEnd = min(row + tileRows, width)
    const values = rowsOf(get<usize>(VALUES), base + row, tileEnd - row, kvHead, direct)
    let i = 0
    for (; i + 4 <= rows; i += 4) {
      // The rows that all four see, and for each query those before and after them.
      const list = <usize>i << 2
      const from = max(row, greatestOf(begins + list))
      const to = max(from, min(tileEnd, leastOf(ends + list)))
      if (from < to) {
        for (let n = i; n < i + 4; n++) addRows(n, row, from, row, values, stride)
        interleave(scores + (<usize>(i * WIDTH + from) << 2), WIDTH << 2, weights, to - from)
        addFour(weights, 16, values + <usize>(from - row) * stride, stride, bytes, sums + <usize>i * bytes, to - from)
        for (let n = i; n < i + 4; n++) addRows(n, to, tileEnd, row, values, stride)
      } else for (let n = i; n < i + 4; n++) addRows(n, row, tileEnd, row, values, stride)
    }
    for (; i < rows; i++) addRows(i, row, tileEnd, row, values, stride)
  }
}

/** Adds those of the rows from `from` to `to` that query i sees; `values` are those from row `tile` on. */
function addRows(i: i32, from: i32, to: i32, tile: i32, values: usize, stride: usize): void {
  const begins = privateScratch() + rangesOffset()
  const ends = begins + (<usize>get<i32>(ROWS) << 2)
  from = max(from, load<i32>(begins + (<usize>i << 2)))
  to = min(to, load<i32>(ends + (<usize>i << 2)))
  if (from >= to) return
  const bytes = <usize>padded(get<i32>(HEAD_DIM)) << 2
  const weights = privateScratch() + scoresOffset() + (<usize>(i * WIDTH + from) << 2)
  const sums = privateScratch() + blockBytes() + <usize>i * bytes
  addOne(weights, values + <usize>(from - tile) * stride, stride, bytes, sums, to - from)
}

/** Rows of one kv head as f32: where they lie, or as a tile [count, D]. */
// @ts-ignore: decorator
@inline
function rowsOf(cache: usize, row: i32, count: i32, kvHead: i32, direct: bool): usize {
  const headDim = get<i32>(HEAD_DIM)
  const width = get<i32>(KV_HEADS) * headDim
  if (direct) return cache + <usize>row * rowBytes(F32, width) + (<usize>(kvHead * headDim) << 2)
  const tile = privateScratch() + tileOffset()
  widenRows(cache, get<i32>(DTYPE), width, row, count, kvHead * headDim, headDim, tile, padded(headDim))
  return tile
}
