// Quantised tokens times panels of quantised weights, one block of columns of a panel after the other. Its values are unpacked once for
// all tokens, and stay in the first-level cache while they are multiplied.

import {
  BLOCK,
  BLOCK_VALUES,
  factorsOf,
  groupBytes,
  groupColumns,
  hasMinima,
  hasTwoLevels,
  headBytes,
  highBits,
  isTabled,
  lowBits,
  panelBytes,
  panelsOf,
  Q6_K,
  ROWS,
  subColumns,
  valueBytes,
} from './formats'
import { DOT, Dot, PAIR, PAIR_OF_TWO, Pair, PairOfTwo, WIDEN, Widen } from './integer'
import { SCALES, unpackScales, unpackValues } from './panels'
import { get, parallel, privateScratch, put, sharedScratch } from './parallel'
import { TOKENS, tileTokens, tokenBytes } from './quantize'
import {
  Index,
  MINIMA,
  multiplyBytes,
  multiplyNibbles,
  multiplySixBits,
  TWO_LEVELS,
  Whole,
  WithFifthBit,
} from './streams'
import { Four, multiplyQuantizedTile, One, Two } from './tiles'

/** Blocks of 32 columns in a stretch. One token's weights are read nearly as one stream. */
const STRETCH: i32 = 32
const STRETCH_OF_ONE: i32 = 8
const SPARE_BYTES: usize = 4 * 8 * 4
/** Scales or minima of a stretch, with two to a block. */
const SCALES_BYTES: usize = 2 * 32 * SCALES
const VALUES_BYTES: usize = 32 * BLOCK_VALUES
/** Private scratch memory: a spare tile, and a stretch's scales, minima and values. */
export const PRODUCT_SCRATCH: usize = SPARE_BYTES + 2 * SCALES_BYTES + VALUES_BYTES

/** Bytes of weights in a chunk, and products. */
const CHUNK_BYTES: usize = 65_536
const CHUNK_PRODUCTS: usize = 1_048_576

type Tile = (
  x: usize,
  values: usize,
  valueStep: usize,
  units: i32,
  scales: usize,
  minima: usize,
  blocks: i32,
  out: usize,
  outStep: usize,
) => void
type Stream = (x: usize, panel: usize, factor: f32, blocks: i32, out: usize, flags: i32, zero: i32) => void

/** out [tokens, n] = x · panelsᵀ, where x is quantised, in the shared scratch memory. `zero` as for `linear`. */
export function multiply(
  panels: usize,
  out: usize,
  tokens: i32,
  n: i32,
  k: i32,
  type: i32,
  product: i32,
  zero: i32,
): void {
  const bytes = panelBytes(type, k)
  put(0, panels)
  put(1, out)
  put(2, tokens)
  put(3, n)
  put(4, k)
  put(5, type)
  put(6, product)
  put(7, zero)
  put(8, factorsOf(panels, type, n, k))
  put(9, bytes)
  const grain = max(1, <i32>min(CHUNK_BYTES / bytes, CHUNK_PRODUCTS / (<usize>(ROWS * k) * <usize>tokens)))
  const stream = tokens == 1 ? streamOf(type, product) : null
  if (stream === null) parallel(multiplyPanels, panelsOf(n), grain)
  else {
    put(10, stream.index)
    parallel(streamPanels, panelsOf(n), grain)
  }
}

/** Kernels are called by number, so that the compiler does not inline them and each can use all registers. */
function streamOf(type: i32, product: i32): Stream | null {
  if (type == Q6_K) return sixBitsOf(product)
  const low = lowBits(type)
  if (low == 8) return bytesOf(product)
  if (low == 2) return null
  if (isTabled(type)) return nibblesOf<Index>(product)
  return highBits(type) == 0 ? nibblesOf<Whole>(product) : nibblesOf<WithFifthBit>(product)
}

function bytesOf(product: i32): Stream {
  if (ASC_FEATURE_RELAXED_SIMD)
    if (product == DOT)
      return (x, panel, factor, blocks, out, flags, zero) => {
        multiplyBytes<Dot>(x, panel, factor, blocks, out)
      }
  return (x, panel, factor, blocks, out, flags, zero) => {
    multiplyBytes<Widen>(x, panel, factor, blocks, out)
  }
}

function sixBitsOf(product: i32): Stream {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (product == DOT)
      return (x, panel, factor, blocks, out, flags, zero) => {
        multiplySixBits<Dot>(x, panel, factor, blocks, out)
      }
    if (product == PAIR_OF_TWO)
      return (x, panel, factor, blocks, out, flags, zero) => {
        multiplySixBits<PairOfTwo>(x, panel, factor, blocks, out)
      }
  }
  return (x, panel, factor, blocks, out, flags, zero) => {
    multiplySixBits<Widen>(x, panel, factor, blocks, out)
  }
}

function nibblesOf<V>(product: i32): Stream {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (product == DOT)
      return (x, panel, factor, blocks, out, flags, zero) => {
        multiplyNibbles<Dot, V>(x, panel, factor, blocks, out, flags, zero)
      }
    if (sizeof<V>() == 1 && product == PAIR)
      return (x, panel, factor, blocks, out, flags, zero) => {
        multiplyNibbles<Pair, V>(x, panel, factor, blocks, out, flags, zero)
      }
    if (sizeof<V>() == 2 && product == PAIR_OF_TWO)
      return (x, panel, factor, blocks, out, flags, zero) => {
        multiplyNibbles<PairOfTwo, V>(x, panel, factor, blocks, out, flags, zero)
      }
  }
  return (x, panel, factor, blocks, out, flags, zero) => {
    multiplyNibbles<Widen, V>(x, panel, factor, blocks, out, flags, zero)
  }
}

function tileOf<T>(product: i32): Tile {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (product == DOT)
      return (x, values, step, units, scales, minima, blocks, out, outStep) => {
        multiplyQuantizedTile<Dot, T>(x, values, step, units, scales, minima, blocks, out, outStep)
      }
    if (product == PAIR)
      return (x, values, step, units, scales, minima, blocks, out, outStep) => {
        multiplyQuantizedTile<Pair, T>(x, values, step, units, scales, minima, blocks, out, outStep)
      }
    if (product == PAIR_OF_TWO)
      return (x, values, step, units, scales, minima, blocks, out, outStep) => {
        multiplyQuantizedTile<PairOfTwo, T>(x, values, step, units, scales, minima, blocks, out, outStep)
      }
  }
  return (x, values, step, units, scales, minima, blocks, out, outStep) => {
    multiplyQuantizedTile<Widen, T>(x, values, step, units, scales, minima, blocks, out, outStep)
  }
}

/** One token, and values that are unpacked as they are multiplied. */
function streamPanels(begin: i32, end: i32): void {
  const n = get<i32>(3)
  const blocks = get<i32>(4) / BLOCK
  const type = get<i32>(5)
  const flags = (hasMinima(type) ? MINIMA : 0) | (hasTwoLevels(type) ? TWO_LEVELS : 0)
  for (let panel = begin; panel < end; panel++) {
    const rows = min(ROWS, n - panel * ROWS)
    const out = get<usize>(1) + (<usize>(panel * ROWS) << 2)
    const target = rows == ROWS ? out : privateScratch()
    const factor = load<f32>(get<usize>(8) + (<usize>panel << 2))
    const from = get<usize>(0) + <usize>panel * get<usize>(9)
    call_indirect<void>(get<u32>(10), sharedScratch(), from, factor, blocks, target, flags, get<i32>(7))
    if (rows < ROWS) memory.copy(out, target, <usize>rows << 2)
  }
}

function multiplyPanels(begin: i32, end: i32): void {
  const k = get<i32>(4)
  const type = get<i32>(5)
  const scales = privateScratch() + SPARE_BYTES
  const minimaRoom = scales + SCALES_BYTES
  const values = minimaRoom + SCALES_BYTES
  const minima = hasMinima(type) ? minimaRoom : 0
  const inPlace = lowBits(type) == 8
  const stretch = (get<i32>(2) == 1 ? STRETCH_OF_ONE : STRETCH) * BLOCK
  const columns = groupColumns(type)
  const bytes = <usize>groupBytes(type)
  for (let panel = begin; panel < end; panel++) {
    let group = get<usize>(0) + <usize>panel * get<usize>(9)
    const factor = load<f32>(get<usize>(8) + (<usize>panel << 2))
    for (let first = 0; first < k; first += stretch) {
      const count = min(stretch, k - first)
      const blocks = count / BLOCK
      unpackScales(type, group, blocks, scales, minimaRoom, factor)
      if (!inPlace) unpackValues(type, group, blocks, values, get<i32>(7))
      multiplyStretch(panel, first, count, inPlace ? group + <usize>headBytes(type) : values, scales, minima)
      group += <usize>(count / columns) * bytes
    }
  }
}

/** Adds to the results of all tokens and a panel the products of `count` columns from `first`. */
function multiplyStretch(panel: i32, first: i32, count: i32, values: usize, scales: usize, minima: usize): void {
  const tokens = get<i32>(2)
  const n = get<i32>(3)
  const type = get<i32>(5)
  const product = get<i32>(6)
  const columns = subColumns(type)
  const blocks = count / columns
  const units = product == WIDEN ? columns / 2 : columns / 4
  const valueStep = lowBits(type) == 8 ? <usize>(valueBytes(type) + headBytes(type)) : <usize>(ROWS * columns)
  const xBytes = <usize>tokenBytes(columns, product == WIDEN) // of a block of a token
  const tokenStep = <usize>(get<i32>(4) / columns) * xBytes
  const before = <usize>(first / columns) * xBytes
  const outBytes = <usize>n << 2
  const rows = min(ROWS, n - panel * ROWS)
  const spare = privateScratch()
  for (let token = 0; token < tokens; token += TOKENS) {
    const tile = tileTokens(token, tokens)
    const present = min(tile, tokens - token)
    const x = sharedScratch() + <usize>token * tokenStep + <usize>tile * before
    const target = get<usize>(1) + <usize>token * outBytes + (<usize>(panel * ROWS) << 2)
    const whole = rows == ROWS && present == tile
    const out = whole ? target : spare
    const outStep = whole ? outBytes : <usize>(ROWS << 2)
    if (first == 0) for (let t = 0; t < tile; t++) clear(out + <usize>t * outStep)
    else if (!whole)
      for (let t = 0; t < present; t++)
        memory.copy(spare + <usize>(t * ROWS) * 4, target + <usize>t * outBytes, <usize>rows << 2)
    const kernel = tile == 1 ? tileOf<One>(product) : tile == 2 ? tileOf<Two>(product) : tileOf<Four>(product)
    kernel(x, values, valueStep, units, scales, minima, blocks, out, outStep)
    if (!whole)
      for (let t = 0; t < present; t++)
        memory.copy(target + <usize>t * outBytes, spare + <usize>(t * ROWS) * 4, <usize>rows << 2)
  }
}

// @ts-ignore: decorator
@inline
function clear(out: usize): void {
  v128.store(out, f32x4.splat(0))
  v128.store(out, f32x4.splat(0), 16)
}
