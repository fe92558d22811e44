// The gradient of attention over ranges (attention.ts). Nothing of the forward pass is stored: for up to 32 queries of one kv head at a
// time the whole rows of weights P are computed again, with an exact softmax. With dP = dout · vᵀ and D = Σ P dP for each query,
// dS = P (dP - D): dq = scale · dS k, dk = scale · dSᵀ q, dv = Pᵀ dout.
//
// Tokens are cut into pieces that share no row of keys and values: documents that were packed in one call. A unit is a
// kv head of a piece, with all of its query heads, so that no two units add into one place. Where there are few pieces, long ones are
// cut further; their parts of dk and dv are stored separately and added in order. All this depends only on shapes and ranges.

import { addFour, greatestOf, interleave, leastOf, LOG2E, powersOfTwo, QUERY_STEP, scoreFour, spreadQuery } from './attention-tiles'
import { F32, widenRows } from './cache-rows'
import { LANES, madd, sumOf } from './lanes'
import { get, parallel, privateScratch, put, reserve, sharedScratch } from './parallel'
import { greatest, scaleAll } from './softmax'

/** Queries that are computed together, unless one token has more. */
const QUERIES: i32 = 32
/** If there are at least this many units, pieces are not cut. */
const ENOUGH_UNITS: i32 = 8
/** Tokens of a part of a long piece, and the most parts. */
const PART: i32 = 256
const MOST_PARTS: i32 = 8
/** Rows whose weights are interleaved at a time. */
const STRIP: i32 = 256
const NONE: i32 = i32.MAX_VALUE

const Q: i32 = 0
const KEYS: i32 = 1
const VALUES: i32 = 2
const FIRST: i32 = 3
const LAST: i32 = 4
const DOUT: i32 = 5
const DQ: i32 = 6
const DKEYS: i32 = 7
const DVALUES: i32 = 8
const HEADS: i32 = 9
const KV_HEADS: i32 = 10
const HEAD_DIM: i32 = 11
const SCALE: i32 = 12
const PARTS: i32 = 13
const SPAN: i32 = 14 // rows of the widest part
const PART_COUNT: i32 = 16
const PARTIAL: i32 = 17

// A part of a piece, 24 bytes: first token, tokens, first row, rows, how many parts its piece has or 0 where it is not the first of them,
// and where its dk and dv are kept, in numbers behind PARTIAL.
const PART_BYTES: usize = 24

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
function padded(): i32 {
  return (get<i32>(HEAD_DIM) + 3) & ~3
}

/**
 * q, dout, dq [tokens, H, C]; k, v, dk, dv [rows, K, C]; first, last i32 [tokens]. dq, dk and dv are overwritten, with zeros for
 * queries that see no row, and rows that no query sees. dq may be q or dout.
 */
export function attentionBackward(
  q: usize,
  k: usize,
  v: usize,
  first: usize,
  last: usize,
  dout: usize,
  dq: usize,
  dk: usize,
  dv: usize,
  tokens: i32,
  rows: i32,
  heads: i32,
  kvHeads: i32,
  headDim: i32,
  scale: f32,
): void {
  put(Q, q)
  put(KEYS, k)
  put(VALUES, v)
  put(FIRST, first)
  put(LAST, last)
  put(DOUT, dout)
  put(DQ, dq)
  put(DKEYS, dk)
  put(DVALUES, dv)
  put(HEADS, heads)
  put(KV_HEADS, kvHeads)
  put(HEAD_DIM, headDim)
  put(SCALE, scale)
  memory.fill(dk, 0, <usize>rows * <usize>(kvHeads * headDim) << 2)
  memory.fill(dv, 0, <usize>rows * <usize>(kvHeads * headDim) << 2)

  const listBytes = (<usize>(tokens + MOST_PARTS) * PART_BYTES + 63) & ~63
  reserve(listBytes + (<usize>tokens << 2), 0)
  put(PARTS, sharedScratch())
  const partial = listParts(tokens, kvHeads, sharedScratch() + listBytes)
  // The list is made again, because the memory may have moved.
  reserve(max(listBytes + (partial << 2), listBytes + (<usize>tokens << 2)), ownBytes())
  put(PARTS, sharedScratch())
  listParts(tokens, kvHeads, sharedScratch() + listBytes)
  put(PARTIAL, sharedScratch() + listBytes)
  const parts = get<i32>(PART_COUNT)
  parallel(backwardUnits, parts * kvHeads, 1)
  if (partial > 0) parallel(joinParts, parts * kvHeads, 1)
}

/** Lists the parts; returns how many numbers their dk and dv take. `least`: room for a number for each token. */
function listParts(tokens: i32, kvHeads: i32, least: usize): usize {
  // For each token the first row that it or a later one sees: where all before end below it, a piece ends.
  let row = NONE
  for (let t = tokens - 1; t >= 0; t--) {
    if (firstOf(t) <= lastOf(t)) row = min(row, firstOf(t))
    store<i32>(least + (<usize>t << 2), row)
  }
  let pieces = 0
  for (let token = 0; token < tokens; pieces++) token = pieceEnd(token, tokens, least)
  let count = 0
  let span = 0
  let partial: usize = 0
  for (let token = 0; token < tokens; ) {
    const end = pieceEnd(token, tokens, least)
    const length = end - token
    const parts = pieces * kvHeads >= ENOUGH_UNITS ? 1 : min(MOST_PARTS, (length + PART - 1) / PART)
    for (let part = 0; part < parts; part++) {
      const begin = token + (length * part) / parts
      const stop = token + (length * (part + 1)) / parts
      let low = NONE
      let high = -1
      for (let t = begin; t < stop; t++)
        if (firstOf(t) <= lastOf(t)) {
          low = min(low, firstOf(t))
          high = max(high, lastOf(t))
        }
      const rows = high < 0 ? 0 : high - low + 1
      const to = get<usize>(PARTS) + <usize>count * PART_BYTES
      store<i32>(to, begin)
      store<i32>(to, stop - begin, 4)
      store<i32>(to, low, 8)
      store<i32>(to, rows, 12)
      store<i32>(to, part == 0 ? parts : 0, 16)
      store<usize>(to, partial, 20)
      if (parts > 1) partial += 2 * <usize>rows * <usize>(padded() * kvHeads)
      span = max(span, rows)
      count++
    }
    token = end
  }
  put(SPAN, span)
  put(PART_COUNT, count)
  return partial
}

/** The token after the last of the piece that begins with `token`. */
function pieceEnd(token: i32, tokens: i32, least: usize): i32 {
  let seen = -1
  do {
    if (firstOf(token) <= lastOf(token)) seen = max(seen, lastOf(token))
    token++
  } while (token < tokens && seen >= load<i32>(least + (<usize>token << 2)))
  return token
}

// A thread's own scratch memory, for R queries, D columns, and W = `width()` rows:
//   keys, values, dkeys, dvalues [span + 3, D]; queries and douts [R / 4, D / 4, 4, 4], and again as [R, D]; sums [R, D];
//   weights and gradients of scores [R, W]; weights of a strip of rows [rows + 3, 4]; begins and ends [R].

// @ts-ignore: decorator
@inline
function queriesOfBlock(): i32 {
  const group = get<i32>(HEADS) / get<i32>(KV_HEADS)
  return (max(1, QUERIES / group) * group + 3) & ~3
}

// @ts-ignore: decorator
@inline
function rowArea(): usize {
  return <usize>((get<i32>(SPAN) + 3) * padded()) << 2
}

// @ts-ignore: decorator
@inline
function queryArea(): usize {
  return <usize>(queriesOfBlock() * padded()) << 2
}

/** Numbers from the weights of a query to those of the next: an odd number of cache lines, so that they do not share one set. */
// @ts-ignore: decorator
@inline
function width(): i32 {
  return (((get<i32>(SPAN) + LANES + 15) >> 4) | 1) << 4
}

// @ts-ignore: decorator
@inline
function weightArea(): usize {
  return <usize>(queriesOfBlock() * width()) << 2
}

// @ts-ignore: decorator
@inline
function keys(): usize {
  return privateScratch()
}

// @ts-ignore: decorator
@inline
function queries(): usize {
  return keys() + 4 * rowArea()
}

// @ts-ignore: decorator
@inline
function weights(): usize {
  return queries() + 5 * queryArea()
}

// @ts-ignore: decorator
@inline
function strip(): usize {
  return weights() + 2 * weightArea()
}

// @ts-ignore: decorator
@inline
function begins(): usize {
  return strip() + ((STRIP + LANES) << 4)
}

function ownBytes(): usize {
  return begins() - privateScratch() + (<usize>(2 * queriesOfBlock()) << 2)
}

function backwardUnits(begin: i32, end: i32): void {
  const kvHeads = get<i32>(KV_HEADS)
  for (let unit = begin; unit < end; unit++) backwardUnit(get<usize>(PARTS) + <usize>(unit / kvHeads) * PART_BYTES, unit % kvHeads)
}

function backwardUnit(part: usize, kvHead: i32): void {
  const group = get<i32>(HEADS) / get<i32>(KV_HEADS)
  const headDim = get<i32>(HEAD_DIM)
  const rowWidth = get<i32>(KV_HEADS) * headDim
  const dim = padded()
  const token = load<i32>(part)
  const end = token + load<i32>(part, 4)
  const low = load<i32>(part, 8)
  const rows = load<i32>(part, 12)
  const values = keys() + rowArea()
  const dkeys = values + rowArea()
  const dvalues = dkeys + rowArea()
  widenRows(get<usize>(KEYS), F32, rowWidth, low, rows, kvHead * headDim, headDim, keys(), dim)
  widenRows(get<usize>(VALUES), F32, rowWidth, low, rows, kvHead * headDim, headDim, values, dim)
  memory.fill(dkeys, 0, 2 * rowArea())
  const most = max(1, QUERIES / group)
  for (let t = token; t < end; t += most) backwardBlock(kvHead, t, min(most, end - t), low)

  const numbers = <usize>(rows * dim)
  if (load<i32>(part, 16) != 1) {
    const to = get<usize>(PARTIAL) + ((load<usize>(part, 20) + 2 * numbers * <usize>kvHead) << 2)
    memory.copy(to, dkeys, numbers << 2)
    memory.copy(to + (numbers << 2), dvalues, numbers << 2)
    return
  }
  for (let row = 0; row < rows; row++) {
    const at = <usize>((low + row) * rowWidth + kvHead * headDim) << 2
    memory.copy(get<usize>(DKEYS) + at, dkeys + (<usize>(row * dim) << 2), <usize>headDim << 2)
    memory.copy(get<usize>(DVALUES) + at, dvalues + (<usize>(row * dim) << 2), <usize>headDim << 2)
  }
}

/** All query heads of one kv head at `tokens` tokens; rows are counted from `low`. */
function backwardBlock(kvHead: i32, token: i32, tokens: i32, low: i32): void {
  const group = get<i32>(HEADS) / get<i32>(KV_HEADS)
  const headDim = get<i32>(HEAD_DIM)
  const bytes = <usize>padded() << 2
  const count = tokens * group
  const padding = (count + 3) & ~3
  const scale = get<f32>(SCALE)
  const values = keys() + rowArea()
  const dkeys = values + rowArea()
  const dvalues = dkeys + rowArea()
  const douts = queries() + queryArea()
  const plainQueries = douts + queryArea()
  const plainDouts = plainQueries + queryArea()
  const sums = plainDouts + queryArea()
  const gradients = weights() + weightArea()
  const ends = begins() + (<usize>queriesOfBlock() << 2)
  const rowBytes = <usize>width() << 2

  memory.fill(sums, 0, <usize>padding * bytes)
  for (let i = 0; i < padding; i++) {
    const t = token + i / group
    const to = <usize>(i & ~3) * bytes + (<usize>(i & 3) << 4)
    const sees = i < count && firstOf(t) <= lastOf(t)
    store<i32>(begins() + (<usize>i << 2), sees ? firstOf(t) - low : NONE)
    store<i32>(ends + (<usize>i << 2), sees ? lastOf(t) + 1 - low : 0)
    // The last four queries are padded with zeros.
    const q = i < count ? get<usize>(Q) + headAt(t, kvHead, i % group) : sums
    const dout = i < count ? get<usize>(DOUT) + headAt(t, kvHead, i % group) : sums
    spreadQuery(q, headDim, scale * LOG2E, queries() + to, QUERY_STEP)
    spreadQuery(q, headDim, scale, plainQueries + <usize>i * bytes, 16)
    spreadQuery(dout, headDim, 1, douts + to, QUERY_STEP)
    spreadQuery(dout, headDim, 1, plainDouts + <usize>i * bytes, 16)
  }

  let lowest = NONE
  let highest = 0
  for (let i = 0; i < padding; i += 4) {
    const begin = leastOf(begins() + (<usize>i << 2))
    const end = greatestOf(ends + (<usize>i << 2))
    lowest = min(lowest, begin)
    highest = max(highest, end)
    if (begin >= end) continue
    const at = <usize>i * rowBytes + (<usize>begin << 2)
    const row = <usize>begin * bytes
    scoreFour(queries() + <usize>i * bytes, keys() + row, bytes, bytes, 1, weights() + at, rowBytes, end - begin)
    scoreFour(douts + <usize>i * bytes, values + row, bytes, bytes, 1, gradients + at, rowBytes, end - begin)
  }

  // Rows are taken four at a time below, so there are zeros up to a multiple of four.
  const stop = lowest + ((highest - lowest + 3) & ~3)
  for (let i = 0; i < padding && lowest < highest; i++) {
    const at = <usize>i * rowBytes
    const begin = min(load<i32>(begins() + (<usize>i << 2)), highest)
    const end = max(begin, load<i32>(ends + (<usize>i << 2)))
    scoreGradients(weights() + at, gradients + at, lowest, begin, end, stop)
  }

  for (let i = 0; i < padding; i += 4) {
    const end = greatestOf(ends + (<usize>i << 2))
    for (let row = leastOf(begins() + (<usize>i << 2)); row < end; row += STRIP) {
      const rows = min(STRIP, end - row)
      interleave(gradients + <usize>i * rowBytes + (<usize>row << 2), rowBytes, 1, strip(), rows)
      addFour(strip(), 16, keys() + <usize>row * bytes, bytes, bytes, sums + <usize>i * bytes, rows)
    }
  }
  for (let i = 0; i < count; i++) {
    const to = get<usize>(DQ) + headAt(token + i / group, kvHead, i % group)
    for (let c: usize = 0; c < <usize>headDim << 2; c += 4) store<f32>(to + c, load<f32>(sums + <usize>i * bytes + c) * scale)
  }

  // For four rows at a time the queries that see one of them.
  for (let row = lowest; row < highest; row += 4) {
    let from = 0
    while (from < padding && !overlaps(from, row)) from += 4
    let to = padding
    while (to > from && !overlaps(to - 4, row)) to -= 4
    const at = <usize>from * rowBytes + (<usize>row << 2)
    const query = <usize>from * bytes
    const target = <usize>row * bytes
    addFour(weights() + at, rowBytes, plainDouts + query, bytes, bytes, dvalues + target, to - from)
    addFour(gradients + at, rowBytes, plainQueries + query, bytes, bytes, dkeys + target, to - from)
  }
}

/** Bytes to a query head of a token. */
// @ts-ignore: decorator
@inline
function headAt(token: i32, kvHead: i32, index: i32): usize {
  const heads = get<i32>(HEADS)
  const head = token * heads + kvHead * (heads / get<i32>(KV_HEADS)) + index
  return <usize>(head * get<i32>(HEAD_DIM)) << 2
}

/** Whether one of the four queries from i on may see one of the four rows from `row` on. */
// @ts-ignore: decorator
@inline
function overlaps(i: i32, row: i32): bool {
  const ends = begins() + (<usize>(queriesOfBlock() + i) << 2)
  return leastOf(begins() + (<usize>i << 2)) < row + 4 && greatestOf(ends) > row
}

/**
 * From the scores s and dP of a query, both indexed by row, those from `begin` to `end` seen: P in the place of s, and P (dP - Σ P dP) in
 * the place of dP, with zeros from `low` to `begin` and from `end` to `high`.
 */
function scoreGradients(p: usize, dp: usize, low: i32, begin: i32, end: i32, high: i32): void {
  fillZeros(p, low, begin)
  fillZeros(dp, low, begin)
  const count = end - begin
  if (count > 0) {
    const x = p + (<usize>begin << 2)
    const dx = dp + (<usize>begin << 2)
    const bytes = <usize>count << 2
    scaleAll(x, <f32>1 / powersOfTwo(x, count, greatest(x, count)), bytes)
    let sums = f32x4.splat(0)
    let i: usize = 0
    for (; i + 16 <= bytes; i += 16) sums = madd(v128.load(x + i), v128.load(dx + i), sums)
    for (; i < bytes; i += 4) sums = madd(v128.load32_zero(x + i), v128.load32_zero(dx + i), sums)
    const sum = f32x4.splat(sumOf(sums))
    for (i = 0; i + 16 <= bytes; i += 16)
      v128.store(dx + i, f32x4.mul(v128.load(x + i), f32x4.sub(v128.load(dx + i), sum)))
    for (; i < bytes; i += 4) store<f32>(dx + i, load<f32>(x + i) * (load<f32>(dx + i) - f32x4.extract_lane(sum, 0)))
  }
  fillZeros(p, end, high)
  fillZeros(dp, end, high)
}

// @ts-ignore: decorator
@inline
function fillZeros(list: usize, from: i32, to: i32): void {
  for (let i = from; i < to; i++) store<f32>(list + (<usize>i << 2), 0)
}

/** Adds the parts of the pieces that were cut, for one kv head of each. */
function joinParts(begin: i32, end: i32): void {
  const kvHeads = get<i32>(KV_HEADS)
  const headDim = get<i32>(HEAD_DIM)
  for (let unit = begin; unit < end; unit++) {
    const index = unit / kvHeads
    const kvHead = unit - index * kvHeads
    const first = get<usize>(PARTS) + <usize>index * PART_BYTES
    const parts = load<i32>(first, 16)
    if (parts <= 1) continue
    for (let part = first; part < first + <usize>parts * PART_BYTES; part += PART_BYTES) {
      const low = load<i32>(part, 8)
      const rows = load<i32>(part, 12)
      const numbers = <usize>(rows * padded())
      let from = get<usize>(PARTIAL) + ((load<usize>(part, 20) + 2 * numbers * <usize>kvHead) << 2)
      for (let row = low; row < low + rows; row++) {
        const at = <usize>((row * kvHeads + kvHead) * headDim) << 2
        addTo(get<usize>(DKEYS) + at, from, headDim)
        addTo(get<usize>(DVALUES) + at, from + (numbers << 2), headDim)
        from += <usize>padded() << 2
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function addTo(target: usize, from: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    const at = <usize>i << 2
    store<f32>(target + at, load<f32>(target + at) + load<f32>(from + at))
  }
}
