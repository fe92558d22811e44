// The memory layout of quantised weights. A weight [n, k] is cut into panels of 8 rows, a panel into groups of 32 columns, or of 256
// where the format has scales of two levels. A group holds, for its 8 rows,
//   8 f16 scales, and 8 f16 minima where the format has them
//   for each block of 32 columns
//     the values: 8, 4 or 2 low bits of each, then 1 or 2 high bits of each
//     where there are two levels: 8 bytes of small scales, then 8 of small minima, for each sub-block of 16 or 32 columns
// A number is scale · (value - zero), or scale · value + minimum, where scale and minimum are products of both levels.
// The f32 factors of the f16 numbers of each panel follow the panels, see half.ts.
//
// Values are bytes in the order in which the kernels multiply: units of 4 neighbouring columns for the dot product, or of 2 for the
// widening product, of each of the 8 rows in turn. Of the 256 bytes of a block, vector i is bytes 16 i to 16 i + 15. The low bits:
//   8 bits: as they are
//   4 bits: 8 vectors; vector i in the low halves, and vector i + 8 in the high halves of stored vector i
//   2 bits: 4 vectors; bits 2 p and 2 p + 1 of stored vector s are vector 4 p + s
// The high bits: 2 bits in the same way; 1 bit: 2 vectors, bit u of stored vector h is vector 2 u + h.

/** Types by the numbers that GGUF gives them. */
export const F32: i32 = 0
export const F16: i32 = 1
export const Q4_0: i32 = 2
export const Q4_1: i32 = 3
export const Q5_0: i32 = 6
export const Q5_1: i32 = 7
export const Q8_0: i32 = 8
export const Q2_K: i32 = 10
export const Q3_K: i32 = 11
export const Q4_K: i32 = 12
export const Q5_K: i32 = 13
export const Q6_K: i32 = 14
export const IQ4_NL: i32 = 20
export const IQ4_XS: i32 = 23
export const BF16: i32 = 30

/** Rows of a panel. */
export const ROWS: i32 = 8
/** Columns of a block of values. */
export const BLOCK: i32 = 32
/** Bytes of the values of a block when each is a byte. */
export const BLOCK_VALUES: usize = 256

/** Whether a type is one of GGUF's blocks. */
export function isQuantized(type: i32): bool {
  return type != F32 && type != F16 && type != BF16
}

export function lowBits(type: i32): i32 {
  if (type == Q8_0) return 8
  return type == Q2_K || type == Q3_K ? 2 : 4
}

export function highBits(type: i32): i32 {
  if (type == Q6_K) return 2
  return type == Q5_0 || type == Q5_1 || type == Q5_K || type == Q3_K ? 1 : 0
}

/** Whether values are indices of the table of iq4. */
export function isTabled(type: i32): bool {
  return type == IQ4_NL || type == IQ4_XS
}

/** Whether there are small integer scales of sub-blocks in addition to one f16 scale for 256 columns. */
export function hasTwoLevels(type: i32): bool {
  return (type >= Q2_K && type <= Q6_K) || type == IQ4_XS
}

export function hasMinima(type: i32): bool {
  return type == Q4_1 || type == Q5_1 || type == Q2_K || type == Q4_K || type == Q5_K
}

/** Columns that share a scale. Activations are quantised in blocks of the same size. */
export function subColumns(type: i32): i32 {
  return type == Q2_K || type == Q3_K || type == Q6_K ? 16 : 32
}

/** Columns of a group. */
export function groupColumns(type: i32): i32 {
  return hasTwoLevels(type) ? 256 : BLOCK
}

/** Bytes of the f16 numbers of a group. */
export function headBytes(type: i32): i32 {
  return hasMinima(type) ? 4 * ROWS : 2 * ROWS
}

/** Bytes of the values of a block of a panel. */
export function valueBytes(type: i32): i32 {
  return (lowBits(type) + highBits(type)) * BLOCK
}

/** Bytes of a block's small scales and minima. q2_k has both in one byte. */
export function smallBytes(type: i32): i32 {
  if (!hasTwoLevels(type)) return 0
  return (BLOCK / subColumns(type)) * ROWS * (hasMinima(type) && type != Q2_K ? 2 : 1)
}

export function groupBytes(type: i32): i32 {
  return headBytes(type) + (groupColumns(type) / BLOCK) * (valueBytes(type) + smallBytes(type))
}

/** Bytes of a panel of k columns. */
export function panelBytes(type: i32, k: i32): usize {
  return <usize>(k / groupColumns(type)) * <usize>groupBytes(type)
}

export function panelsOf(n: i32): i32 {
  return (n + ROWS - 1) / ROWS
}

/** Offset of the factors of the panels of n rows of k columns. */
export function factorsOf(panels: usize, type: i32, n: i32, k: i32): usize {
  return panels + <usize>panelsOf(n) * panelBytes(type, k)
}
