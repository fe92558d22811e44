import { SimdArgumentError, SimdRangeError } from './errors'
import type { Memory } from './memory'

/** How a cache stores the numbers of a row. q8_0 is int8 in blocks of 32, each with an f32 scale. */
export type CacheType = 'f32' | 'f16' | 'q8_0'

/** What assembly/ exports for {@link TokenKernels}. */
export interface TokenExports {
  add(a: number, b: number, out: number, count: number): void
  argMax(x: number, rows: number, columns: number, limit: number, out: number): void
  attention(
    q: number,
    k: number,
    v: number,
    first: number,
    last: number,
    out: number,
    tokens: number,
    heads: number,
    kvHeads: number,
    headDim: number,
    scale: number,
    dtype: number,
  ): void
  attentionWeights(
    q: number,
    k: number,
    first: number,
    last: number,
    out: number,
    tokens: number,
    heads: number,
    kvHeads: number,
    headDim: number,
    scale: number,
    dtype: number,
    width: number,
  ): void
  copyStrided(
    x: number,
    out: number,
    n0: number,
    n1: number,
    n2: number,
    n3: number,
    s0: number,
    s1: number,
    s2: number,
    s3: number,
  ): void
  gatherRows(x: number, ids: number, out: number, rows: number, width: number): void
  gelu(x: number, out: number, count: number): void
  layerNorm(x: number, weight: number, bias: number, out: number, rows: number, dim: number, eps: number): void
  mul(a: number, b: number, out: number, count: number): void
  readRows(source: number, rows: number, out: number, tokens: number, width: number, dtype: number): void
  relu(x: number, out: number, count: number): void
  rmsNorm(x: number, weight: number, out: number, rows: number, dim: number, eps: number): void
  rope(
    x: number,
    cosines: number,
    sines: number,
    positions: number,
    out: number,
    rows: number,
    heads: number,
    headDim: number,
    halves: boolean,
    inverse: boolean,
  ): void
  scale(x: number, factor: number, out: number, count: number): void
  siluMul(a: number, b: number, out: number, count: number): void
  softmax(x: number, out: number, rows: number, columns: number): void
  writeRows(target: number, source: number, rows: number, tokens: number, width: number, dtype: number): number
}

/** By the numbers that assembly/cache-rows.ts gives them. */
const CACHE_TYPES: Readonly<Record<CacheType, number>> = { f32: 0, f16: 1, q8_0: 2 }
const BLOCK = 32

export interface AttentionOptions {
  /** Queries. */
  readonly tokens: number
  readonly heads: number
  /** A divisor of `heads`: query head h reads kv head ⌊h / (heads / kvHeads)⌋. */
  readonly kvHeads: number
  /** With a q8_0 cache a multiple of 32. */
  readonly headDim: number
  /** Factor of the scores; `1 / sqrt(headDim)` unless given. */
  readonly scale?: number | undefined
  /** How keys and values are stored; f32 unless given. */
  readonly cache?: CacheType | undefined
}

export interface AttentionWeightsOptions extends AttentionOptions {
  /** Columns of the result: at least the rows that any query sees. */
  readonly width: number
}

export interface RopeOptions {
  readonly rows: number
  readonly heads: number
  readonly headDim: number
  /** Which two elements of a head rotate together: (2i, 2i + 1), or (i, i + headDim / 2). */
  readonly pairing: 'interleaved' | 'halves'
  /** Rotates by the negative angle: the gradient of rope. */
  readonly inverse?: boolean | undefined
}

export interface RowsOptions {
  readonly tokens: number
  /** Numbers in a row; for q8_0 a multiple of 32. */
  readonly width: number
  readonly dtype: CacheType
}

/**
 * Bytes of a row of `width` numbers. f16: IEEE bits. q8_0: `width` int8 values, then width / 32 f32 scales, one for each block of 32.
 * @throws SimdArgumentError if a q8_0 row is not whole blocks
 */
export const cacheRowBytes = (dtype: CacheType, width: number): number => {
  if (!Object.hasOwn(CACHE_TYPES, dtype))
    throw new SimdArgumentError(`a cache is one of ${Object.keys(CACHE_TYPES).join(', ')}, not ${dtype}`)
  if (dtype === 'q8_0' && width % BLOCK !== 0)
    throw new SimdArgumentError(`a q8_0 cache needs heads of whole blocks of 32 numbers, not ${width}: use f16 or f32`)
  return { f32: 4 * width, f16: 2 * width, q8_0: width + width / 8 }[dtype]
}

/** Kernels without weight matrices: attention, its cache, norms, and elementwise functions. */
export abstract class TokenKernels {
  readonly #kernels: TokenExports
  readonly #memory: Memory

  constructor(kernels: TokenExports, memory: Memory) {
    this.#kernels = kernels
    this.#memory = memory
  }

  /**
   * Softmax attention with grouped heads over ranges of a cache: query n sees the rows first[n] to last[n], both included; last[n] <
   * first[n] gives zeros. A query's result is the same bits whatever other queries are in the call, and wherever its rows lie.
   * @param q [tokens, heads, headDim]
   * @param k [S, kvHeads, headDim], rows of `cacheRowBytes(cache, kvHeads * headDim)`
   * @param v as k
   * @param first i32 [tokens]
   * @param last i32 [tokens], below S
   * @param out as q
   * @throws SimdArgumentError
   */
  attention(
    q: number,
    k: number,
    v: number,
    first: number,
    last: number,
    out: number,
    options: AttentionOptions,
  ): void {
    const { tokens, heads, kvHeads, headDim, scale, dtype } = checkAttention(options)
    this.#kernels.attention(q, k, v, first, last, out, tokens, heads, kvHeads, headDim, scale, dtype)
  }

  /**
   * The softmax weights of {@link attention}: out [tokens, heads, width], column c of query n for row first[n] + c, zero beyond last[n].
   * @throws SimdArgumentError also if a query sees more than `width` rows
   */
  attentionWeights(
    q: number,
    k: number,
    first: number,
    last: number,
    out: number,
    options: AttentionWeightsOptions,
  ): void {
    const { tokens, heads, kvHeads, headDim, scale, dtype } = checkAttention(options)
    const { width } = options
    const firsts = this.#memory.i32(first, tokens)
    const lasts = this.#memory.i32(last, tokens)
    const wide = firsts.findIndex((row, n) => lasts[n] - row >= width)
    if (wide >= 0)
      throw new SimdArgumentError(
        `query ${wide} sees ${lasts[wide] - firsts[wide] + 1} rows, more than the width ${width}`,
      )
    this.#kernels.attentionWeights(q, k, first, last, out, tokens, heads, kvHeads, headDim, scale, dtype, width)
  }

  /**
   * Row t of source [tokens, width] (f32) goes to row rows[t] (i32) of the target, in the target's type.
   * @throws SimdArgumentError if a q8_0 row is not whole blocks of 32
   * @throws SimdRangeError if f16 cannot hold a number: NaN, infinite, or beyond 65504. All rows are written; these numbers are wrong
   */
  writeRows(target: number, source: number, rows: number, { tokens, width, dtype }: RowsOptions): void {
    cacheRowBytes(dtype, width)
    const unfit = this.#kernels.writeRows(target, source, rows, tokens, width, CACHE_TYPES[dtype])
    if (unfit > 0)
      throw new SimdRangeError(
        `${unfit} of ${tokens * width} keys or values are NaN, infinite, or beyond 65504, the most that f16 holds: use an f32 cache`,
      )
  }

  /** out [tokens, width] (f32) = the rows rows[t] (i32) of a cache. @throws SimdArgumentError */
  readRows(source: number, rows: number, out: number, { tokens, width, dtype }: RowsOptions): void {
    cacheRowBytes(dtype, width)
    this.#kernels.readRows(source, rows, out, tokens, width, CACHE_TYPES[dtype])
  }

  /** out [rows, width]: row ids[r] (i32) of x [, width]. */
  gatherRows(x: number, ids: number, out: number, size: { readonly rows: number; readonly width: number }): void {
    this.#kernels.gatherRows(x, ids, out, size.rows, size.width)
  }

  /**
   * out, contiguous with the extents `shape` (at most four), from x, where an element lies Σ index · stride numbers behind x.
   * Transposes and slices. `out` does not overlap x.
   * @throws SimdArgumentError for more than four extents, or if there are not as many strides
   */
  copy(x: number, out: number, shape: readonly number[], strides: readonly number[]): void {
    if (shape.length > 4 || shape.length !== strides.length)
      throw new SimdArgumentError(
        `copy needs up to 4 extents and as many strides, not ${shape.length} and ${strides.length}`,
      )
    const padding = Array.from({ length: 4 - shape.length }, () => 1)
    const [n0, n1, n2, n3] = [...padding, ...shape]
    const [s0, s1, s2, s3] = [...padding, ...strides]
    this.#kernels.copyStrided(x, out, n0, n1, n2, n3, s0, s1, s2, s3)
  }

  /**
   * Rotates the pairs of each head by the angle of the row's position.
   * @param x [rows, heads, headDim], headDim even; `out` may be x
   * @param cosines [P, headDim / 2]
   * @param sines [P, headDim / 2]
   * @param positions i32 [rows], below P
   * @throws SimdArgumentError if headDim is odd
   */
  rope(x: number, cosines: number, sines: number, positions: number, out: number, options: RopeOptions): void {
    const { rows, heads, headDim, pairing, inverse = false } = options
    if (headDim % 2 !== 0) throw new SimdArgumentError(`rope rotates pairs: headDim is even, not ${headDim}`)
    this.#kernels.rope(x, cosines, sines, positions, out, rows, heads, headDim, pairing === 'halves', inverse)
  }

  /** x / sqrt(mean(x²) + eps) · weight. x, out [rows, dim]; `out` may be x. */
  rmsNorm(x: number, weight: number, out: number, rows: number, dim: number, eps: number): void {
    this.#kernels.rmsNorm(x, weight, out, rows, dim, eps)
  }

  /** (x - mean) / sqrt(variance + eps) · weight + bias. x, out [rows, dim]; `out` may be x. */
  layerNorm(x: number, weight: number, bias: number, out: number, rows: number, dim: number, eps: number): void {
    this.#kernels.layerNorm(x, weight, bias, out, rows, dim, eps)
  }

  /** a + b, elementwise; `out` may be a or b. */
  add(a: number, b: number, out: number, count: number): void {
    this.#kernels.add(a, b, out, count)
  }

  /** a · b, elementwise; `out` may be a or b. */
  mul(a: number, b: number, out: number, count: number): void {
    this.#kernels.mul(a, b, out, count)
  }

  /** factor · x, elementwise; `out` may be x. */
  scale(x: number, factor: number, out: number, count: number): void {
    this.#kernels.scale(x, factor, out, count)
  }

  /** max(x, 0), elementwise; `out` may be x. */
  relu(x: number, out: number, count: number): void {
    this.#kernels.relu(x, out, count)
  }

  /** The tanh form of GELU, elementwise; `out` may be x. */
  gelu(x: number, out: number, count: number): void {
    this.#kernels.gelu(x, out, count)
  }

  /** silu(a) · b, elementwise; `out` may be a or b. */
  siluMul(a: number, b: number, out: number, count: number): void {
    this.#kernels.siluMul(a, b, out, count)
  }

  /** Softmax of each row of x [rows, columns]; `out` may be x. */
  softmax(x: number, out: number, rows: number, columns: number): void {
    this.#kernels.softmax(x, out, rows, columns)
  }

  /**
   * out[r] (i32) = the first index of the greatest of the first `limit` numbers of row r of x [rows, columns], or -1 if one of them is
   * NaN or the greatest is infinite.
   */
  argMax(x: number, rows: number, columns: number, limit: number, out: number): void {
    this.#kernels.argMax(x, rows, columns, limit, out)
  }
}

/** @throws SimdArgumentError */
const checkAttention = ({ heads, kvHeads, headDim, scale, cache = 'f32', ...rest }: AttentionOptions) => {
  if (heads % kvHeads !== 0) throw new SimdArgumentError(`kvHeads (${kvHeads}) must divide heads (${heads})`)
  cacheRowBytes(cache, headDim)
  return { ...rest, heads, kvHeads, headDim, scale: scale ?? 1 / Math.sqrt(headDim), dtype: CACHE_TYPES[cache] }
}
