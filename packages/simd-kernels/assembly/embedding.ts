import { F16_FACTOR, f16Factor, f16Mask, loadF16, loadOne } from './lanes'
import { packedBytes, panelBlockBytes, ROWS, valueBytes } from './panels'
import { put } from './parallel'
import { BLOCK } from './quantize'

/** Rows `ids` of f32 or f16 weights [rows, k] as f32. ids are u32; out [count, k]. `factor`: of f16 bits, see `loadF16`. */
export function embedding(
  weight: usize,
  ids: usize,
  out: usize,
  count: i32,
  k: i32,
  half: bool,
  factor: f32,
): void {
  put(F16_FACTOR, factor)
  for (let i = 0; i < count; i++) {
    const row = <usize>load<u32>(ids + (<usize>i << 2))
    const to = out + (<usize>i * <usize>k << 2)
    if (half) widenRow(weight + (row * <usize>k << 1), to, k)
    else memory.copy(to, weight + (row * <usize>k << 2), <usize>k << 2)
  }
}

function widenRow(from: usize, to: usize, k: i32): void {
  let i = 0
  for (; i + 4 <= k; i += 4) v128.store(to + (<usize>i << 2), loadF16(from + (<usize>i << 1), f16Mask(), f16Factor()))
  for (; i < k; i++) store<f32>(to + (<usize>i << 2), loadOne<u16>(from + (<usize>i << 1)))
}

/** Rows `ids` of quantised panels as f32; `bits`, `zero`, `factor` as for `linear`. `widen`: units of two columns. */
export function quantizedEmbedding(
  panels: usize,
  ids: usize,
  out: usize,
  count: i32,
  k: i32,
  bits: i32,
  zero: i32,
  widen: bool,
  factor: f32,
): void {
  put(F16_FACTOR, factor)
  const unit = widen ? 2 : 4
  for (let i = 0; i < count; i++) {
    const row = load<i32>(ids + (<usize>i << 2))
    const r = row % ROWS
    let panel = panels + packedBytes(row - r, k, bits)
    let to = out + (<usize>i * <usize>k << 2)
    for (let block = 0; block < k; block += BLOCK) {
      const scale = loadOne<u16>(panel + <usize>(valueBytes(bits) + 2 * r))
      for (let column = 0; column < BLOCK; column++) {
        const c = bits == 4 ? column & 15 : column
        const byte = <i32>load<u8>(panel + <usize>((c / unit) * ROWS * unit + r * unit + (c % unit)))
        const value = bits == 8 ? (zero == 0 ? <i32>(<i8>byte) : byte - zero) : (column < 16 ? byte & 15 : byte >> 4) - zero
        store<f32>(to, <f32>value * scale)
        to += 4
      }
      panel += <usize>panelBlockBytes(bits)
    }
  }
}
