// Rows of quantised weights as f32.

import {
  BLOCK,
  BLOCK_VALUES,
  factorsOf,
  groupBytes,
  groupColumns,
  hasMinima,
  headBytes,
  lowBits,
  panelBytes,
  ROWS,
  subColumns,
} from './formats'
import { OFFSET, SCALES, unpackScales, unpackValues } from './panels'
import { privateScratch, reserve } from './parallel'

/** Private scratch memory for a group: scales and minima, two to a block, and values. */
const SCALES_BYTES: usize = 2 * 8 * SCALES
const SCRATCH: usize = 2 * SCALES_BYTES + 8 * BLOCK_VALUES

/** Rows `ids` (u32) of quantised panels: out [count, k]; `zero` as for `linear`. `widen`: units of two columns. */
export function quantizedEmbedding(
  panels: usize,
  ids: usize,
  out: usize,
  count: i32,
  n: i32,
  k: i32,
  type: i32,
  zero: i32,
  widen: bool,
): void {
  reserve(0, SCRATCH)
  const scales = privateScratch()
  const minima = scales + SCALES_BYTES
  const unpacked = minima + SCALES_BYTES
  const unit = widen ? 2 : 4
  const columns = subColumns(type)
  const blocks = groupColumns(type) / BLOCK
  for (let i = 0; i < count; i++) {
    const row = load<i32>(ids + (<usize>i << 2))
    const r = row % ROWS
    let group = panels + <usize>(row / ROWS) * panelBytes(type, k)
    const factor = load<f32>(factorsOf(panels, type, n, k) + (<usize>(row / ROWS) << 2))
    for (let first = 0; first < k; first += groupColumns(type)) {
      unpackScales(type, group, blocks, scales, minima, factor)
      let values = group + <usize>headBytes(type)
      if (lowBits(type) < 8) {
        unpackValues(type, group, blocks, unpacked, zero)
        values = unpacked
      }
      for (let column = 0; column < groupColumns(type); column++) {
        const byte = load<u8>(values + <usize>((column / unit) * ROWS * unit + r * unit + (column % unit)))
        const at = <usize>(column / columns) * SCALES + <usize>(r << 2)
        let number = <f32>((zero == OFFSET ? <i32>byte : <i32>(<i8>byte)) - zero) * load<f32>(scales + at)
        if (hasMinima(type)) number += load<f32>(minima + at)
        store<f32>(out, number)
        out += 4
      }
      group += <usize>groupBytes(type)
    }
  }
}
