// Quantised tokens times panels of quantised weights, a stretch of columns of a panel after the other: its values are unpacked once
// for all tokens, and lie in the first-level cache while they are multiplied.

import {
  BLOCK,
  BLOCK_VALUES,
  factorsOf,
  groupBytes,
  groupColumns,
  hasMinima,
  headBytes,
  highBits,
  isTabled,
  lowBits,
  panelBytes,
  panelsOf,
  ROWS,
  smallBytes,
  subColumns,
  valueBytes,
} from './formats'
import { DOT, Dot, PAIR, PAIR_OF_TWO, Pair, PairOfTwo, WIDEN, Widen } from './integer'
import { SCALES, unpackScales, unpackValues } from './panels'
import { get, parallel, privateScratch, put, sharedScratch } from './parallel'
import { TOKENS, tileTokens, tokenBytes } from './quantize'
import { Four, multiplyNibbles, multiplyTile, One, Two } from './tiles'

/** Blocks of 32 columns in a stretch. */
const STRETCH: i32 = 32
/** The same for one token, whose weights are then read nearly as one stream. */
const GROUP: i32 = 8
const SPARE_BYTES: usize = 4 * 8 * 4
/** Scales or minima of a stretch, with two to a block. */
const SCALES_BYTES: usize = 2 * 32 * SCALES
const VALUES_BYTES: usize = 32 * BLOCK_VALUES
/** Private scratch memory: a spare tile, and a stretch's scales, minima and values. */
export const PRODUCT_SCRATCH: usize = SPARE_BYTES + 2 * SCALES_BYTES + VALUES_BYTES

/** Bytes of weights in a chunk, and products. */
const CHUNK_BYTES: usize = 65_536
const CHUNK_PRODUCTS: usize = 1_048_576

/** out [tokens, n] = x · panelsᵀ, where x lies quantised in the shared scratch memory. `zero` as for `linear`. */
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
  put(0, panels)
  put(1, out)
  put(2, tokens)
  put(3, n)
  put(4, k)
  put(5, type)
  put(6, product)
  put(7, zero)
  const bytes = panelBytes(type, k)
  const grain = min(CHUNK_BYTES / bytes, CHUNK_PRODUCTS / (<usize>(ROWS * k) * <usize>tokens))
  parallel(multiplyPanels, panelsOf(n), max(1, <i32>grain))
}

function multiplyPanels(begin: i32, end: i32): void {
  const tokens = get<i32>(2)
  const n = get<i32>(3)
  const k = get<i32>(4)
  const type = get<i32>(5)
  const product = get<i32>(6)
  const low = lowBits(type)
  const columns = subColumns(type)
  const stretch = tokens == 1 ? GROUP : STRETCH
  // One token's 4-bit values are unpacked as they are multiplied, 8-bit values need no unpacking.
  const nibbles = tokens == 1 && low == 4 && highBits(type) == 0 && !isTabled(type)
  const inPlace = nibbles || low == 8
  const outBytes = <usize>n << 2
  const xBytes = <usize>tokenBytes(columns, product == WIDEN) // of a block of a token
  const tokenStep = <usize>(k / columns) * xBytes
  const units = (product == WIDEN ? columns / 2 : columns / 4)
  const spare = privateScratch()
  const scales = spare + SPARE_BYTES
  const minimaRoom = scales + SCALES_BYTES
  const minima = hasMinima(type) ? minimaRoom : 0
  const values = minimaRoom + SCALES_BYTES
  for (let panel = begin; panel < end; panel++) {
    let group = get<usize>(0) + <usize>panel * panelBytes(type, k)
    const factor = load<f32>(factorsOf(get<usize>(0), type, n, k) + (<usize>panel << 2))
    const rows = min(ROWS, n - panel * ROWS)
    const to = get<usize>(1) + (<usize>(panel * ROWS) << 2)
    for (let first = 0; first < k; first += stretch * BLOCK) {
      const blocks = min(stretch, (k - first) / BLOCK)
      const subs = blocks * (BLOCK / columns)
      unpackScales(type, group, blocks, scales, minima, factor)
      if (!inPlace) unpackValues(type, group, blocks, values, get<i32>(7))
      const from = inPlace ? group + <usize>headBytes(type) : values
      const step = inPlace ? <usize>(valueBytes(type) + headBytes(type)) : <usize>(ROWS * columns)
      for (let token = 0; token < tokens; token += TOKENS) {
        const tile = tileTokens(token, tokens)
        const x = sharedScratch() + <usize>token * tokenStep + <usize>((first / columns) * tile) * xBytes
        const whole = rows == ROWS && token + tile <= tokens
        const target = to + <usize>token * outBytes
        const out = whole ? target : spare
        const outStep = whole ? outBytes : <usize>(ROWS << 2)
        const present = min(tile, tokens - token)
        if (first == 0) for (let t = 0; t < tile; t++) clear(out + <usize>t * outStep)
        else if (!whole)
          for (let t = 0; t < present; t++)
            memory.copy(spare + <usize>(t * ROWS) * 4, target + <usize>t * outBytes, <usize>rows << 2)
        if (nibbles) multiplyStretch(group, x, scales, minima, blocks, out)
        else multiplyTiles(tile, product, x, from, step, units, scales, minima, subs, out, outStep)
        if (!whole)
          for (let t = 0; t < present; t++)
            memory.copy(target + <usize>t * outBytes, spare + <usize>(t * ROWS) * 4, <usize>rows << 2)
      }
      group += <usize>(blocks / (groupColumns(type) / BLOCK)) * <usize>groupBytes(type)
    }
  }
}

// @ts-ignore: decorator
@inline
function clear(out: usize): void {
  v128.store(out, f32x4.splat(0))
  v128.store(out, f32x4.splat(0), 16)
}

/** One token's 4-bit values: group by group, for the blocks of a group lie side by side. */
function multiplyStretch(group: usize, x: usize, scales: usize, minima: usize, blocks: i32, out: usize): void {
  const type = get<i32>(5)
  const product = get<i32>(6)
  const ofGroup = groupColumns(type) / BLOCK
  const xBytes = <usize>tokenBytes(BLOCK, product == WIDEN)
  const head = <usize>headBytes(type)
  const one = ofGroup == 1
  // Groups of one block are blocks at even distances, as are the blocks of a larger group.
  const step = <usize>(valueBytes(type) + (one ? <i32>head : smallBytes(type)))
  const count = one ? blocks : ofGroup
  for (let block = 0; block < blocks; block += count) {
    const values = group + head
    if (ASC_FEATURE_RELAXED_SIMD && product == DOT) multiplyNibbles<Dot>(x, values, step, scales, minima, count, out)
    else if (ASC_FEATURE_RELAXED_SIMD && product == PAIR) multiplyNibbles<Pair>(x, values, step, scales, minima, count, out)
    else multiplyNibbles<Widen>(x, values, step, scales, minima, count, out)
    group += <usize>groupBytes(type)
    x += <usize>count * xBytes
    scales += <usize>count * SCALES
    if (minima != 0) minima += <usize>count * SCALES
  }
}

function multiplyTiles(
  tile: i32,
  product: i32,
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
  if (ASC_FEATURE_RELAXED_SIMD && product == DOT)
    multiplyTileOf<Dot>(tile, x, values, valueStep, units, scales, minima, blocks, out, outStep)
  else if (ASC_FEATURE_RELAXED_SIMD && product == PAIR)
    multiplyTileOf<Pair>(tile, x, values, valueStep, units, scales, minima, blocks, out, outStep)
  else if (ASC_FEATURE_RELAXED_SIMD && product == PAIR_OF_TWO)
    multiplyTileOf<PairOfTwo>(tile, x, values, valueStep, units, scales, minima, blocks, out, outStep)
  else multiplyTileOf<Widen>(tile, x, values, valueStep, units, scales, minima, blocks, out, outStep)
}

// @ts-ignore: decorator
@inline
function multiplyTileOf<P>(
  tile: i32,
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
  if (tile == 1) multiplyTile<P, One>(x, values, valueStep, units, scales, minima, blocks, out, outStep)
  else if (tile == 2) multiplyTile<P, Two>(x, values, valueStep, units, scales, minima, blocks, out, outStep)
  else multiplyTile<P, Four>(x, values, valueStep, units, scales, minima, blocks, out, outStep)
}
