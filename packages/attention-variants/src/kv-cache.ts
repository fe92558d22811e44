import { copyRows, type Device, type Tensor, writeRows } from '@cria/tensor'
import { ContextOverflowError } from './errors'

// Shapes: S rows, N tokens of a pass, K kv heads, C head dim.

/** How the elements of a cache are stored. */
export type CacheType = 'f32' | 'f16' | 'q8_0'

/** What a cache holds for each token. */
export interface CacheShape {
  readonly layers: number
  readonly kvHeads: number
  readonly headDim: number
}

export interface KvCacheOptions extends CacheShape {
  /** Rows to begin with; it grows when its sequences need more. Default 0. */
  readonly rows?: number | undefined
  /** Default: the first of the device's `cacheTypes`. */
  readonly dtype?: CacheType | undefined
}

export interface SequenceOptions {
  /** Tokens that it can hold at most. */
  readonly capacity: number
  /** Tokens that it holds from the start, with zeros as keys and values: for plans. Default 0. */
  readonly length?: number | undefined
}

/** Rows that a sequence reserves at first; the reservation doubles when it is full. */
const FIRST_ROWS = 64

/**
 * Keys and values of all tokens of some sequences, for every layer. Each sequence has its own consecutive rows, so
 * what a query sees is a range of rows. The cache grows with its sequences, and reuses the rows of a sequence that ended.
 */
export class KvCache implements Disposable {
  readonly layers: readonly LayerCache[]
  readonly dtype: CacheType
  readonly #sequences = new Set<Sequence>()
  #rows = 0

  /** @throws TensorError for a type that the device's cache cannot have, or not with heads of this size */
  constructor(
    readonly device: Device,
    { layers, kvHeads, headDim, rows = 0, dtype = device.cacheTypes[0] as CacheType }: KvCacheOptions,
  ) {
    device.checkCache(dtype, headDim)
    this.dtype = dtype
    this.layers = Array.from({ length: layers }, () => new LayerCache(device, kvHeads, headDim, dtype))
    if (rows > 0) this.#grow(rows)
  }

  /** Rows that it has memory for. */
  get rows(): number {
    return this.#rows
  }

  /** Bytes that its keys and values take. */
  get bytes(): number {
    return this.layers.reduce((sum, layer) => sum + layer.bytes, 0)
  }

  /** Adds an empty sequence. */
  sequence({ capacity, length = 0 }: SequenceOptions): Sequence {
    const region = { start: 0, rows: 0 }
    const sequence = new Sequence(this, region, capacity, length)
    this.reserve(sequence, region, Math.max(length, Math.min(FIRST_ROWS, capacity)))
    this.#sequences.add(sequence)
    return sequence
  }

  /** For {@link Sequence}: gives it room for `rows` tokens, and moves what it holds there if it must. */
  reserve(sequence: Sequence, region: Region, rows: number): void {
    if (rows <= region.rows) return
    const wanted = Math.min(sequence.capacity, Math.max(rows, 2 * region.rows))
    const others = [...this.#sequences].filter(other => other !== sequence).map(other => other.region)
    const start = freeStart(others, region, wanted)
    if (start + wanted > this.#rows) this.#grow(Math.max(start + wanted, others.length > 0 ? 2 * this.#rows : 0))
    if (start !== region.start) this.#copy(region.start, start, Math.min(sequence.length, region.rows))
    region.start = start
    region.rows = wanted
  }

  /** For {@link Sequence}: copies what one sequence holds to the rows of another. */
  copy(from: Region, to: Region, count: number): void {
    this.#copy(from.start, to.start, count)
  }

  /** For {@link Sequence}: its rows are free. */
  release(sequence: Sequence): void {
    this.#sequences.delete(sequence)
  }

  dispose(): void {
    for (const layer of this.layers) layer.dispose()
    this.#rows = 0
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #grow(rows: number): void {
    for (const layer of this.layers) layer.grow(rows)
    this.#rows = rows
  }

  #copy(from: number, to: number, count: number): void {
    if (count > 0) for (const layer of this.layers) layer.copy(from, to, count)
  }
}

/** Rows of the cache that belong to one sequence. */
interface Region {
  start: number
  rows: number
}

/** Where `rows` rows are free: at the sequence's own start if the rows after it are free, otherwise in the first gap. */
const freeStart = (others: readonly Region[], own: Region, rows: number): number => {
  const taken = others.filter(other => other.rows > 0).sort((a, b) => a.start - b.start)
  const isFree = (start: number) =>
    taken.every(other => start + rows <= other.start || other.start + other.rows <= start)
  if (own.rows > 0 && isFree(own.start)) return own.start
  // The copy does not overlap: the new place is completely before or after the old one.
  const apart = (start: number) => own.rows === 0 || start + rows <= own.start || own.start + own.rows <= start
  const candidates = [0, own.start + own.rows, ...taken.map(other => other.start + other.rows)].sort((a, b) => a - b)
  return candidates.find(start => isFree(start) && apart(start)) as number
}

/** The tokens of one sequence in a cache. Passes extend it; see `CausalModel`. */
export class Sequence implements Disposable {
  #length: number

  /** Do not call this; use {@link KvCache.sequence}. */
  constructor(
    readonly cache: KvCache,
    readonly region: Region,
    /** Tokens that it can hold at most. */
    readonly capacity: number,
    length: number,
  ) {
    this.#length = length
  }

  /** Tokens that it holds: the position of the next one. */
  get length(): number {
    return this.#length
  }

  /**
   * Makes room for tokens and counts them as held; the pass that follows writes their keys and values.
   * @returns the row of the first
   * @throws ContextOverflowError
   */
  extend(tokens: number): number {
    if (this.#length + tokens > this.capacity) throw new ContextOverflowError(this.#length, tokens, this.capacity)
    this.cache.reserve(this, this.region, this.#length + tokens)
    const row = this.region.start + this.#length
    this.#length += tokens
    return row
  }

  /** Forgets the tokens from `length` on. @throws RangeError */
  rewind(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.#length)
      throw new RangeError(`cannot rewind to ${length} tokens: the sequence holds ${this.#length}`)
    this.#length = length
  }

  /** Another sequence of the same cache that holds the same tokens. */
  fork(): Sequence {
    const other = this.cache.sequence({ capacity: this.capacity, length: this.#length })
    if (this.#length > 0) this.cache.copy(this.region, other.region, this.#length)
    return other
  }

  /** Gives its rows back. A second call does nothing. */
  dispose(): void {
    this.cache.release(this)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** One layer's keys and values, [S, K, C] each. */
export class LayerCache {
  #keys: Tensor | undefined
  #values: Tensor | undefined

  constructor(
    private readonly device: Device,
    private readonly kvHeads: number,
    private readonly headDim: number,
    private readonly dtype: CacheType,
  ) {}

  /** Keys of all rows, [S, K, C]; undefined while the cache has no rows. */
  get keys(): Tensor | undefined {
    return this.#keys
  }

  /** Values of all rows, as {@link keys}. */
  get values(): Tensor | undefined {
    return this.#values
  }

  get bytes(): number {
    return (this.#keys?.storage.bytes ?? 0) + (this.#values?.storage.bytes ?? 0)
  }

  /** Writes the keys and values of a pass, and gives those of all rows. @param rows i32 [N] @throws ShapeError for other heads */
  update(k: Tensor, v: Tensor, rows: Tensor): { readonly k: Tensor; readonly v: Tensor } {
    return { k: writeRows(this.#keys as Tensor, k, rows), v: writeRows(this.#values as Tensor, v, rows) }
  }

  grow(rows: number): void {
    this.#keys = this.#longer(this.#keys, rows)
    this.#values = this.#longer(this.#values, rows)
  }

  copy(from: number, to: number, count: number): void {
    for (const tensor of [this.#keys, this.#values] as Tensor[]) copyRows(tensor, tensor, { from, to, count })
  }

  dispose(): void {
    this.#keys?.dispose()
    this.#values?.dispose()
    this.#keys = this.#values = undefined
  }

  #longer(before: Tensor | undefined, rows: number): Tensor {
    const tensor = this.device.zeros([rows, this.kvHeads, this.headDim], this.dtype)
    tensor.moveTo(undefined)
    if (before) {
      copyRows(tensor, before, { from: 0, to: 0, count: before.shape[0] })
      before.dispose()
    }
    return tensor
  }
}
