// Exact softmax attention over ranges of a cache: query n sees rows first[n] to last[n].
// H heads, K kv heads, C head dim, D = C rounded up to a multiple of 4; query head h reads kv head ⌊h / (H / K)⌋.
//
// A query's range is cut into stretches of 256 rows, counted from its own first row. A stretch gives the greatest score, the sum of
// the powers and the weighted sum of the values; stretches are joined in order, each rescaled to the greater maximum (Milakov and
// Gimelshein 2018). So the order of summation depends only on the query's own range: not on the other queries, the threads, or
// the rows where the range lies.
//
// Neighbouring tokens whose ranges begin at nearly the same row are a block. A block's queries of one kv head are computed together,
// four at a time, over tiles of keys and values that stay in the first-level cache. Where blocks are few and small, as in decoding, a
// unit is one stretch of a block and several neighbouring kv heads, so that a row is read in one go.

import {
  BLOCK_COUNT,
  blockBytes,
  BLOCKS,
  DTYPE,
  FIRST,
  firstOf,
  HEAD_DIM,
  headOf,
  HEADS,
  KEYS,
  KV_HEADS,
  LAST,
  OUT,
  ownBytes,
  padded,
  PARTIAL,
  Q,
  QUERIES,
  ROWS,
  SCALE,
  SPREAD,
  STRETCHES,
  stretchesOf,
  sums,
  tops,
  UNIT_HEADS,
  VALUES,
  wholeFours,
} from './attention-call'
import { attendStretch, scaleQueries } from './attention-stretch'
import { powerOfTwo } from './attention-tiles'
import { rowBytes } from './cache-rows'
import { LANES, madd } from './lanes'
import { get, parallel, privateScratch, put, reserve, sharedScratch } from './parallel'

/** With fewer units than this, each stretch is a separate unit. */
const MANY_UNITS: i32 = 64
/** Enough units to keep all threads busy. */
const ENOUGH_UNITS: i32 = 4
/** Bytes of a row that a unit reads at least, where it can. */
const READ: i32 = 2048
/** Bytes that the results of stretches may take. */
const MOST_PARTIAL: usize = 1 << 25

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
  const group = heads / kvHeads
  const most = max(1, QUERIES / group)
  let stretches = 0
  for (let token = 0; token < tokens; token++) stretches = max(stretches, stretchesOf(token))
  const listBytes = ((<usize>tokens << 3) + 63) & ~63
  const partial = <usize>(tokens * heads) * <usize>stretches * resultBytes(headDim)
  reserve(listBytes, 0)
  put(BLOCKS, sharedScratch())
  let blocks = listBlocks(tokens, most)
  const longest = longestBlock(blocks)
  const unitHeads = headsOfUnit(longest * group, blocks * stretches)
  const units = blocks * (kvHeads / unitHeads)
  const cut = stretches > 1 && partial <= MOST_PARTIAL && units < MANY_UNITS
  put(UNIT_HEADS, unitHeads)
  put(ROWS, unitHeads * wholeFours(longest * group))
  reserve(listBytes + (cut ? partial : 0), ownBytes())
  put(BLOCKS, sharedScratch())
  put(PARTIAL, sharedScratch() + listBytes)
  blocks = listBlocks(tokens, most) // the memory may have moved
  put(BLOCK_COUNT, blocks)
  put(STRETCHES, stretches)
  if (cut) {
    parallel(attendStretches, units * stretches, 1)
    parallel(joinRange, tokens * heads, max(1, 4096 / (stretches * headDim)))
  } else parallel(attendBlocks, units, 1)
}

/** Tokens of the longest block. */
function longestBlock(blocks: i32): i32 {
  let longest = 0
  for (let block = 0; block < blocks; block++)
    longest = max(longest, load<i32>(get<usize>(BLOCKS) + (<usize>block << 3), 4))
  return longest
}

/** Number of neighbouring kv heads of a unit, a divisor of all, if `rows` queries read each: enough to make a read long. */
function headsOfUnit(rows: i32, others: i32): i32 {
  const kvHeads = get<i32>(KV_HEADS)
  const bytes = <i32>rowBytes(get<i32>(DTYPE), get<i32>(HEAD_DIM))
  for (let count = 1; count < kvHeads; count++) {
    if (kvHeads % count != 0) continue
    const next = nextDivisor(kvHeads, count)
    if (count * bytes >= READ || next * wholeFours(rows) > QUERIES || others * (kvHeads / next) < ENOUGH_UNITS) return count
  }
  return kvHeads
}

function nextDivisor(count: i32, divisor: i32): i32 {
  do divisor++
  while (count % divisor != 0)
  return divisor
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

/** Every unit is some kv heads of one block, neighbours the same heads. */
function attendBlocks(begin: i32, end: i32): void {
  const blocks = get<i32>(BLOCK_COUNT)
  for (let unit = begin; unit < end; unit++) {
    const set = unit / blocks
    const block = get<usize>(BLOCKS) + (<usize>(unit - set * blocks) << 3)
    attendBlock(set * get<i32>(UNIT_HEADS), load<i32>(block), load<i32>(block, 4))
  }
}

function attendBlock(kvHead: i32, token: i32, tokens: i32): void {
  const unitHeads = get<i32>(UNIT_HEADS)
  const group = get<i32>(HEADS) / get<i32>(KV_HEADS)
  const bytes = <usize>padded(get<i32>(HEAD_DIM)) << 2
  const rows = tokens * group
  const listBytes = <usize>get<i32>(ROWS) << 2
  const totals = sums() + blockBytes()
  const stretches = mostStretches(token, tokens)
  scaleQueries(kvHead, unitHeads, token, rows)
  for (let stretch = 0; stretch <= stretches; stretch++) {
    if (stretch < stretches) attendStretch(kvHead, unitHeads, token, tokens, stretch)
    for (let member = 0; member < unitHeads; member++)
      for (let n = 0; n < rows; n++) {
        const t = token + n / group
        const i = member * wholeFours(rows) + n
        const top = tops() + (<usize>i << 2)
        const totalTop = top + 2 * listBytes
        const at = <usize>i * bytes
        if (stretch < stretchesOf(t))
          joinStretch(stretch == 0, top, top + listBytes, sums() + at, totalTop, totalTop + listBytes, totals + at, bytes)
        else if (stretch == stretches) {
          const sum = load<f32>(totalTop + listBytes)
          finish(stretchesOf(t) > 0, totals + at, sum, headOf(t, kvHead + member, n % group))
        }
      }
  }
}

/** Every unit is one stretch of some kv heads of one block. Its results are stored in shared memory. */
function attendStretches(begin: i32, end: i32): void {
  const group = get<i32>(HEADS) / get<i32>(KV_HEADS)
  const blocks = get<i32>(BLOCK_COUNT)
  const stretches = get<i32>(STRETCHES)
  const unitHeads = get<i32>(UNIT_HEADS)
  const bytes = <usize>padded(get<i32>(HEAD_DIM)) << 2
  const result = resultBytes(get<i32>(HEAD_DIM))
  for (let unit = begin; unit < end; unit++) {
    const stretch = unit % stretches
    const set = unit / stretches / blocks
    const block = get<usize>(BLOCKS) + (<usize>(unit / stretches - set * blocks) << 3)
    const token = load<i32>(block)
    const tokens = load<i32>(block, 4)
    const rows = tokens * group
    if (stretch >= mostStretches(token, tokens)) continue
    scaleQueries(set * unitHeads, unitHeads, token, rows)
    attendStretch(set * unitHeads, unitHeads, token, tokens, stretch)
    for (let member = 0; member < unitHeads; member++)
      for (let i = 0; i < rows; i++) {
        const head = headOf(token + i / group, set * unitHeads + member, i % group)
        const at = member * wholeFours(rows) + i
        const to = get<usize>(PARTIAL) + <usize>(head * stretches + stretch) * result
        const top = tops() + (<usize>at << 2)
        store<f32>(to, load<f32>(top))
        store<f32>(to, load<f32>(top + (<usize>get<i32>(ROWS) << 2)), 4)
        memory.copy(to + 16, sums() + <usize>at * bytes, bytes)
      }
  }
}

function mostStretches(token: i32, tokens: i32): i32 {
  let most = 0
  for (let t = token; t < token + tokens; t++) most = max(most, stretchesOf(t))
  return most
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
    finish(stretches > 0, totals, load<f32>(totals - 12), head)
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
  const kept = powerOfTwo(f32x4.sub(v128.load32_splat(totalTop), newTops))
  const added = powerOfTwo(f32x4.sub(v128.load32_splat(top), newTops))
  const sums = f32x4.mul(v128.load32_splat(totalSum), kept)
  store<f32>(totalTop, newTop)
  store<f32>(totalSum, f32x4.extract_lane(madd(v128.load32_splat(sum), added, sums), 0))
  for (let i: usize = 0; i < bytes; i += 16)
    v128.store(totals + i, madd(v128.load(values + i), added, f32x4.mul(v128.load(totals + i), kept)))
}

/** The result of a head: values / sum, or zeros if it sees no row. */
function finish(sees: bool, values: usize, sum: f32, head: i32): void {
  const headDim = get<i32>(HEAD_DIM)
  const out = get<usize>(OUT) + (<usize>(head * headDim) << 2)
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
