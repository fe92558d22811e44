// Quantised weights: linear layers and embeddings.

import { WIDEN } from './integer'
import { F16_FACTOR } from './lanes'
import { put, reserve } from './parallel'
import { matmulScratch, quantizedMatmul } from './quantized-matmul'
import { quantizedMatvec } from './quantized-matvec'
import { BLOCK, quantize, TOKENS, tokenBytes } from './quantize'

/** Tokens that are quantised at a time: bounds the scratch memory and the time of a chunk. */
const SLAB: i32 = 384

/**
 * out [tokens, n] = x [tokens, k] · weightᵀ, for a weight packed as panels of `bits`, with `zero` added to its values.
 * `product` is one of those that `integer.ts` names, and the one for which the weight was packed.
 * `factor`: of the f16 bits of its scales, see `loadF16`.
 */
export function linear(
  x: usize,
  panels: usize,
  out: usize,
  tokens: i32,
  n: i32,
  k: i32,
  bits: i32,
  zero: i32,
  product: i32,
  factor: f32,
): void {
  put(F16_FACTOR, factor)
  const widen = product == WIDEN
  const tile = tokens == 1 ? 1 : TOKENS
  const tiles = (min(tokens, SLAB) + tile - 1) / tile
  reserve(<usize>(tiles * tile * tokenBytes(widen)) * <usize>(k / BLOCK), matmulScratch(k, bits))
  for (let token = 0; token < tokens; token += SLAB) {
    const count = min(SLAB, tokens - token)
    quantize(x + (<usize>token * <usize>k << 2), count, k, tile, zero, widen)
    const to = out + (<usize>token * <usize>n << 2)
    if (tokens == 1) quantizedMatvec(panels, to, n, k, bits, product)
    else quantizedMatmul(panels, to, count, n, k, bits, product)
  }
}
