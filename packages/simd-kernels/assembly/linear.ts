// Linear layers of quantised weights.

import { subColumns } from './formats'
import { WIDEN } from './integer'
import { reserve } from './parallel'
import { multiply, PRODUCT_SCRATCH } from './quantized'
import { quantize, TOKENS, tokenBytes } from './quantize'

/** Tokens that are quantised at a time: bounds the scratch memory and the time of a chunk. */
const SLAB: i32 = 384

/**
 * out [tokens, n] = x [tokens, k] · weightᵀ, for a weight packed as panels, with `zero` added to its values.
 * `product` is one of those that `integer.ts` names, and the one for which the weight was packed.
 */
export function linear(
  x: usize,
  panels: usize,
  out: usize,
  tokens: i32,
  n: i32,
  k: i32,
  type: i32,
  zero: i32,
  product: i32,
): void {
  const widen = product == WIDEN
  const columns = subColumns(type)
  const padded = (min(tokens, SLAB) + TOKENS - 1) & -TOKENS
  reserve(<usize>(padded * tokenBytes(columns, widen)) * <usize>(k / columns), PRODUCT_SCRATCH)
  for (let token = 0; token < tokens; token += SLAB) {
    const count = min(SLAB, tokens - token)
    quantize(x + (<usize>token * <usize>k << 2), count, k, columns, zero, product)
    multiply(panels, out + (<usize>token * <usize>n << 2), count, n, k, type, product, zero)
  }
}
