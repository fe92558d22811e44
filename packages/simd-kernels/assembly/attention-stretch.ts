// One stretch of rows for all queries of a unit: scores, weights, and the weighted values.

import {
  begins,
  DTYPE,
  firstOf,
  HEAD_DIM,
  headOf,
  HEADS,
  KEYS,
  KV_HEADS,
  lastOf,
  padded,
  Q,
  queries,
  QUERIES,
  ROWS,
  SCALE,
  scores,
  STRETCH,
  sums,
  TILE,
  tileArea,
  VALUES,
  weights,
  wholeFours,
  WIDTH,
} from './attention-call'
import {
  addFour,
  addOne,
  greatestOf,
  interleave,
  leastOf,
  LOG2E,
  powersOfTwo,
  QUERY_STEP,
  scoreFour,
  scoreOne,
  spreadQuery,
} from './attention-tiles'
import { F16, F32, HALF_FACTOR, HALF_REST, rowBytes, widenRows } from './cache-rows'
import { get } from './parallel'
import { greatest } from './softmax'

/** Up to this many queries of a kv head read f32 keys and values in place; for more queries, they are copied into a tile. */
const FEW: i32 = 8
/** Bytes of rows that a unit with few queries reads at a time. */
const SMALL_TILE: i32 = 24_576

/** The queries of some kv heads, token after token, times the factors of the scores, fours interleaved. */
export function scaleQueries(kvHead: i32, unitHeads: i32, token: i32, rows: i32): void {
  const group = get<i32>(HEADS) / get<i32>(KV_HEADS)
  const headDim = get<i32>(HEAD_DIM)
  const bytes = <usize>padded(headDim) << 2
  const factor = get<f32>(SCALE) * LOG2E * (get<i32>(DTYPE) == F16 ? HALF_FACTOR / HALF_REST : 1)
  for (let member = 0; member < unitHeads; member++)
    for (let i = 0; i < rows; i++) {
      const at = member * wholeFours(rows) + i
      const from = get<usize>(Q) + (<usize>(headOf(token + i / group, kvHead + member, i % group) * headDim) << 2)
      spreadQuery(from, headDim, factor, queryAt(at, bytes), QUERY_STEP)
    }
}

// @ts-ignore: decorator
@inline
function queryAt(i: i32, bytes: usize): usize {
  return queries() + <usize>(i & ~3) * bytes + (<usize>(i & 3) << 4)
}

/** Fills the areas `sums` and begin, end, top, sum for one stretch of the queries of some kv heads of a block. */
export function attendStretch(kvHead: i32, unitHeads: i32, token: i32, tokens: i32, stretch: i32): void {
  const group = get<i32>(HEADS) / get<i32>(KV_HEADS)
  const rows = tokens * group
  const step = wholeFours(rows)
  const dim = padded(get<i32>(HEAD_DIM))
  const bytes = <usize>dim << 2
  const listBytes = <usize>get<i32>(ROWS) << 2

  // Rows are counted from the first of the block's earliest query.
  let base = firstOf(token)
  for (let t = token + 1; t < token + tokens; t++) base = min(base, firstOf(t))
  let width = 0
  for (let i = 0; i < rows; i++) {
    const t = token + i / group
    const begin = firstOf(t) - base
    const end = max(begin, min(begin + STRETCH, lastOf(t) + 1 - base - stretch * STRETCH))
    if (end > begin) width = max(width, end)
    for (let member = 0; member < unitHeads; member++) {
      const at = begins() + (<usize>(member * step + i) << 2)
      store<i32>(at, begin)
      store<i32>(at + listBytes, end)
    }
  }
  base += stretch * STRETCH

  const dtype = get<i32>(DTYPE)
  const direct = dim == get<i32>(HEAD_DIM) && (dtype == F32 ? rows <= FEW : dtype == F16 && rows < 4)
  const unitBytes = <i32>rowBytes(dtype, unitHeads * get<i32>(HEAD_DIM))
  const small = rows < QUERIES >> 1
  const tileRows = min(direct ? STRETCH : max(1, TILE / dim), small ? max(4, SMALL_TILE / unitBytes) : STRETCH)
  for (let row = 0; row < width; row += tileRows) {
    const tileEnd = min(row + tileRows, width)
    if (small) touchRows(get<usize>(KEYS), base + row, tileEnd - row, kvHead, unitBytes)
    for (let member = 0; member < unitHeads; member++) {
      const keys = rowsOf(get<usize>(KEYS), base + row, tileEnd - row, kvHead + member, direct)
      scoreTile(member * step, rows, row, tileEnd, keys, direct)
    }
  }

  for (let member = 0; member < unitHeads; member++)
    for (let i = member * step; i < member * step + rows; i++) {
      const at = begins() + (<usize>i << 2)
      const begin = load<i32>(at)
      const count = load<i32>(at + listBytes) - begin
      if (count == 0) continue
      const score = scores() + (<usize>(i * WIDTH + begin) << 2)
      const top = greatest(score, count)
      store<f32>(at + 2 * listBytes, top)
      store<f32>(at + 3 * listBytes, powersOfTwo(score, count, top))
    }

  memory.fill(sums(), 0, <usize>(unitHeads * step) * bytes)
  for (let row = 0; row < width; row += tileRows) {
    const tileEnd = min(row + tileRows, width)
    if (small) touchRows(get<usize>(VALUES), base + row, tileEnd - row, kvHead, unitBytes)
    for (let member = 0; member < unitHeads; member++) {
      const values = rowsOf(get<usize>(VALUES), base + row, tileEnd - row, kvHead + member, direct)
      addTile(member * step, rows, row, tileEnd, values, direct)
    }
  }
}

/** Reads a number of each cache line of some heads of some rows, in order, so that all these lines are on their way at once. */
function touchRows(cache: usize, row: i32, count: i32, kvHead: i32, bytes: i32): void {
  const headDim = get<i32>(HEAD_DIM)
  const stride = rowBytes(get<i32>(DTYPE), get<i32>(KV_HEADS) * headDim)
  let from = cache + <usize>row * stride + rowBytes(get<i32>(DTYPE), kvHead * headDim)
  let all = 0
  for (const end = from + <usize>count * stride; from < end; from += stride)
    for (let i: usize = 0; i < <usize>bytes; i += 64) all |= <i32>load<u8>(from + i)
  store<i32>(weights(), all)
}

/** Scores of the queries from `first` on with the rows from `row` to `tileEnd`. */
function scoreTile(first: i32, rows: i32, row: i32, tileEnd: i32, keys: usize, direct: bool): void {
  const bytes = <usize>padded(get<i32>(HEAD_DIM)) << 2
  const half = get<i32>(DTYPE) == F16
  const stride = strideOf(direct)
  const factor: f32 = half ? HALF_REST : 1
  const listBytes = <usize>get<i32>(ROWS) << 2
  let i = first
  for (; i + 4 <= first + rows; i += 4) {
    const list = begins() + (<usize>i << 2)
    const from = max(row, leastOf(list))
    const to = min(tileEnd, greatestOf(list + listBytes))
    if (from >= to) continue
    const at = scores() + (<usize>(i * WIDTH + from) << 2)
    const tile = keys + <usize>(from - row) * stride
    scoreFour(queryAt(i, bytes), tile, stride, bytes, factor, at, WIDTH << 2, to - from)
  }
  for (; i < first + rows; i++) {
    const list = begins() + (<usize>i << 2)
    const from = max(row, load<i32>(list))
    const to = min(tileEnd, load<i32>(list + listBytes))
    if (from >= to) continue
    const at = scores() + (<usize>(i * WIDTH + from) << 2)
    const tile = keys + <usize>(from - row) * stride
    if (direct && half) scoreOne<u16>(queryAt(i, bytes), tile, stride, bytes >> 1, factor, at, to - from)
    else scoreOne<f32>(queryAt(i, bytes), tile, stride, bytes, factor, at, to - from)
  }
}

/** Adds the weighted values of the rows from `row` to `tileEnd` to the sums of the queries from `first` on. */
function addTile(first: i32, rows: i32, row: i32, tileEnd: i32, values: usize, direct: bool): void {
  const bytes = <usize>padded(get<i32>(HEAD_DIM)) << 2
  const stride = strideOf(direct)
  const factor: f32 = get<i32>(DTYPE) == F16 ? HALF_FACTOR : 1
  const listBytes = <usize>get<i32>(ROWS) << 2
  let i = first
  for (; i + 4 <= first + rows; i += 4) {
    // The rows that all four see, and for each query those before and after them.
    const list = begins() + (<usize>i << 2)
    const from = max(row, greatestOf(list))
    const to = max(from, min(tileEnd, leastOf(list + listBytes)))
    if (from < to) {
      if (row < from) for (let n = i; n < i + 4; n++) addRows(n, row, from, row, values, direct)
      interleave(scores() + (<usize>(i * WIDTH + from) << 2), WIDTH << 2, factor, weights(), to - from)
      const tile = values + <usize>(from - row) * stride
      addFour(weights(), 16, tile, stride, bytes, sums() + <usize>i * bytes, to - from)
      if (to < tileEnd) for (let n = i; n < i + 4; n++) addRows(n, to, tileEnd, row, values, direct)
    } else for (let n = i; n < i + 4; n++) addRows(n, row, tileEnd, row, values, direct)
  }
  for (; i < first + rows; i++) addRows(i, row, tileEnd, row, values, direct)
}

/** Adds those of the rows from `from` to `to` that query i sees; `values` are those from row `tile` on. */
function addRows(i: i32, from: i32, to: i32, tile: i32, values: usize, direct: bool): void {
  const list = begins() + (<usize>i << 2)
  from = max(from, load<i32>(list))
  to = min(to, load<i32>(list + (<usize>get<i32>(ROWS) << 2)))
  if (from >= to) return
  const half = get<i32>(DTYPE) == F16
  const factor: f32 = half ? HALF_FACTOR : 1
  const bytes = <usize>padded(get<i32>(HEAD_DIM)) << 2
  const stride = strideOf(direct)
  const weight = scores() + (<usize>(i * WIDTH + from) << 2)
  const value = values + <usize>(from - tile) * stride
  const out = sums() + <usize>i * bytes
  if (direct && half) addOne<u16>(weight, factor, value, stride, bytes >> 1, out, to - from)
  else addOne<f32>(weight, factor, value, stride, bytes, out, to - from)
}

/** Rows of one kv head: in place, or as a tile [count, D] of f32. */
// @ts-ignore: decorator
@inline
function rowsOf(cache: usize, row: i32, count: i32, kvHead: i32, direct: bool): usize {
  const headDim = get<i32>(HEAD_DIM)
  const width = get<i32>(KV_HEADS) * headDim
  const dtype = get<i32>(DTYPE)
  if (direct) return cache + <usize>row * rowBytes(dtype, width) + rowBytes(dtype, kvHead * headDim)
  const tile = tileArea()
  widenRows(cache, dtype, width, row, count, kvHead * headDim, headDim, tile, padded(headDim))
  return tile
}

/** Bytes from a row to the next. */
// @ts-ignore: decorator
@inline
function strideOf(direct: bool): usize {
  const headDim = get<i32>(HEAD_DIM)
  return direct ? rowBytes(get<i32>(DTYPE), get<i32>(KV_HEADS) * headDim) : <usize>padded(headDim) << 2
}
