// Weights of all types: their room, and how they get into it.

import { elementBytes, packFloats } from './float-panels'
import { groupBytes, groupColumns, isQuantized, ROWS } from './formats'
import { pack } from './pack'

/** Bytes of a packed weight [n, k]: f64, for it may be more than there can be. */
export function weightBytes(type: i32, n: i32, k: i32): f64 {
  const columns = isQuantized(type) ? groupColumns(type) : 1
  const bytes = isQuantized(type) ? groupBytes(type) : ROWS * elementBytes(type)
  return Math.ceil(<f64>n / ROWS) * ((<f64>k / <f64>columns) * <f64>bytes + 4)
}

/** Packs `count` rows from row `first`; `zero` and `widen` as for `pack`. Returns false where they hold what no weight may. */
export function packRows(
  rows: usize,
  panels: usize,
  type: i32,
  n: i32,
  k: i32,
  first: i32,
  count: i32,
  zero: i32,
  widen: bool,
): bool {
  if (isQuantized(type)) return pack(rows, panels, type, n, k, first, count, zero, widen)
  return packFloats(rows, panels, type, n, k, first, count)
}
