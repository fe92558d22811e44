// Eight rows of 32 bytes each become units of neighbouring columns: for each unit its bytes of row 0, of row 1, and so on.

import { BLOCK } from './formats'

/** Units of four columns. */
export function interleaveWords(rows: usize, to: usize): void {
  for (let part: usize = 0; part < <usize>BLOCK; part += 16)
    for (let four: usize = 0; four < 2; four++) {
      const from = rows + four * (4 * BLOCK) + part
      const out = to + part * 8 + four * 16
      storeColumns(v128.load(from), v128.load(from, 32), v128.load(from, 64), v128.load(from, 96), out, 32)
    }
}

/** Stores the columns of four rows of four words, `step` bytes apart. */
// @ts-ignore: decorator
@inline
function storeColumns(a: v128, b: v128, c: v128, d: v128, out: usize, step: usize): void {
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5)
  const cd = i32x4.shuffle(c, d, 0, 4, 1, 5)
  v128.store(out, i64x2.shuffle(ab, cd, 0, 2))
  v128.store(out + step, i64x2.shuffle(ab, cd, 1, 3))
  const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7)
  const cdHigh = i32x4.shuffle(c, d, 2, 6, 3, 7)
  v128.store(out + 2 * step, i64x2.shuffle(abHigh, cdHigh, 0, 2))
  v128.store(out + 3 * step, i64x2.shuffle(abHigh, cdHigh, 1, 3))
}

/** Units of two columns. */
export function interleaveHalves(rows: usize, to: usize): void {
  for (let part: usize = 0; part < <usize>BLOCK; part += 16) {
    const from = rows + part
    const out = to + part * 8
    storeHalves(from, out, false)
    storeHalves(from, out + 64, true)
  }
}

/** The units of the first eight bytes of 16 of each row, or of the last eight. */
// @ts-ignore: decorator
@inline
function storeHalves(from: usize, out: usize, last: bool): void {
  storeColumns(pairs(from, last), pairs(from + 64, last), pairs(from + 128, last), pairs(from + 192, last), out, 16)
}

/** Two rows by turns: the first or the last four halves of each. */
// @ts-ignore: decorator
@inline
function pairs(from: usize, last: bool): v128 {
  const a = v128.load(from)
  const b = v128.load(from, 32)
  return last ? i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15) : i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
}
