// Quantised weights [n, k] are packed once, from rows of GGUF blocks into panels of 8 rows, block by block, so that the integer
// kernels read one stream. A block of a panel holds, for 32 columns of 8 rows,
//   q8_0: 256 bytes of values, 8 f16 scales
//   q4_0: 128 bytes of values, column c in the low and column c + 16 in the high half of a byte, 8 f16 scales
// which are the bytes of GGUF in another order: units of 4 neighbouring columns for the dot product, or 2 for the widening
// product, of each row in turn. Rows beyond the last have scale 0.

import { raised } from './half'
import { get, parallel, put } from './parallel'
import { BLOCK } from './quantize'

/** Rows of a panel. */
export const ROWS: i32 = 8
const SCALE_BYTES: i32 = 2

/** Bytes of values in a block of a panel. */
// @ts-ignore: decorator
@inline
export function valueBytes(bits: i32): i32 {
  return (ROWS * BLOCK * bits) >> 3
}

// @ts-ignore: decorator
@inline
export function panelBlockBytes(bits: i32): i32 {
  return valueBytes(bits) + ROWS * SCALE_BYTES
}

/** Bytes of n rows of k columns as panels. */
export function packedBytes(n: i32, k: i32, bits: i32): usize {
  return <usize>((n + ROWS - 1) / ROWS) * <usize>(k / BLOCK) * <usize>panelBlockBytes(bits)
}

/** Packs n rows of GGUF blocks. Each byte of values is flipped by `flip`: 0x80 adds 128 to an int8. `widen`: units of 2. `raise`: scales 2^10 times as large. */
export function pack(
  rows: usize,
  out: usize,
  n: i32,
  k: i32,
  bits: i32,
  flip: i32,
  widen: bool,
  raise: bool,
): void {
  put(0, rows)
  put(1, out)
  put(2, n)
  put(3, k)
  put(4, bits)
  put(5, flip * 0x01010101)
  put(6, <i32>widen)
  put(7, <i32>raise)
  parallel(packPanels, (n + ROWS - 1) / ROWS, max(1, 8192 / k))
}

function packPanels(begin: i32, end: i32): void {
  const n = get<i32>(2)
  const k = get<i32>(3)
  const bits = get<i32>(4)
  const flip = get<i32>(5)
  const unit = get<i32>(6) != 0 ? 2 : 4
  const raise = get<i32>(7) != 0
  const rowBytes = (BLOCK * bits) >> 3 // of values in a block
  const sourceBytes = <usize>(rowBytes + SCALE_BYTES)
  const blocks = k / BLOCK
  let out = get<usize>(1) + packedBytes(begin * ROWS, k, bits)
  for (let row = begin * ROWS; row < end * ROWS; row += ROWS)
    for (let block = 0; block < blocks; block++) {
      for (let r = 0; r < ROWS; r++) {
        const scale = out + <usize>valueBytes(bits) + <usize>(r * SCALE_BYTES)
        const to = out + <usize>(r * unit)
        if (row + r >= n) {
          store<u16>(scale, 0)
          for (let i = 0; i < rowBytes; i += unit) storeUnit(to + <usize>(i * ROWS), flip, unit)
          continue
        }
        const from = get<usize>(0) + (<usize>(row + r) * <usize>blocks + <usize>block) * sourceBytes
        store<u16>(scale, raise ? raised(load<u16>(from)) : load<u16>(from))
        for (let i = 0; i < rowBytes; i += unit)
          storeUnit(to + <usize>(i * ROWS), load<u32>(from + <usize>i, SCALE_BYTES) ^ flip, unit)
      }
      out += <usize>panelBlockBytes(bits)
    }
}

// @ts-ignore: decorator
@inline
function storeUnit(to: usize, value: i32, unit: i32): void {
  if (unit == 4) store<u32>(to, value)
  else store<u16>(to, <u16>value)
}
