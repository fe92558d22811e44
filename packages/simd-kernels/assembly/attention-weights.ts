import { LOG2E, powersOfTwo, QUERY_STEP, scoreOne, spreadQuery } from './attention-tiles'
import { F16, HALF_FACTOR, HALF_REST, widenRows } from './cache-rows'
import { get, parallel, privateScratch, put, reserve } from './parallel'
import { greatest, scaleAll } from './softmax'

const TILE: i32 = 4096 // numbers

/**
 * The weights of attention's softmax: out [tokens, H, width], column c of query n for row first[n] + c, zero beyond last[n].
 * q [tokens, H, C]; k [S, K, C] as the cache stores it; first, last i32 [tokens]; no range is longer than `width`.
 */
export function attentionWeights(
  q: usize,
  k: usize,
  first: usize,
  last: usize,
  out: usize,
  tokens: i32,
  heads: i32,
  kvHeads: i32,
  headDim: i32,
  scale: f32,
  dtype: i32,
  width: i32,
): void {
  const dim = (headDim + 3) & ~3
  reserve(0, <usize>(4 * dim + max(TILE, dim)) << 2)
  put(0, q)
  put(1, k)
  put(2, first)
  put(3, last)
  put(4, out)
  put(5, heads)
  put(6, kvHeads)
  put(7, headDim)
  put(8, scale)
  put(9, dtype)
  put(10, width)
  parallel(weighRange, tokens * heads, 1)
}

function weighRange(begin: i32, end: i32): void {
  const heads = get<i32>(5)
  const kvHeads = get<i32>(6)
  const headDim = get<i32>(7)
  const width = get<i32>(10)
  const half = get<i32>(9) == F16
  const dim = (headDim + 3) & ~3
  const bytes = <usize>dim << 2
  const query = privateScratch()
  const tile = query + 4 * bytes
  const tileRows = max(1, TILE / dim)
  for (let head = begin; head < end; head++) {
    const token = head / heads
    const first = load<i32>(get<usize>(2) + (<usize>token << 2))
    const count = max(0, load<i32>(get<usize>(3) + (<usize>token << 2)) + 1 - first)
    const out = get<usize>(4) + (<usize>head * <usize>width << 2)
    memory.fill(out, 0, <usize>width << 2)
    if (count == 0) continue
    const from = get<usize>(0) + (<usize>head * <usize>headDim << 2)
    spreadQuery(from, headDim, get<f32>(8) * LOG2E * (half ? HALF_FACTOR / HALF_REST : 1), query, QUERY_STEP)
    const column = ((head - token * heads) / (heads / kvHeads)) * headDim
    for (let row = 0; row < count; row += tileRows) {
      const rows = min(tileRows, count - row)
      widenRows(get<usize>(1), get<i32>(9), kvHeads * headDim, first + row, rows, column, headDim, tile, dim)
      scoreOne<f32>(query, tile, bytes, bytes, half ? HALF_REST : 1, out + (<usize>row << 2), rows)
    }
    const sum = powersOfTwo(out, count, greatest(out, count))
    scaleAll(out, <f32>1 / sum, <usize>count << 2)
  }
}
