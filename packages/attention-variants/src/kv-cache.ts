import { type Device, type Tensor, writeRows } from '@cria/tensor'

// Shapes: B batch, T time, S capacity, K kv heads, C head dim.

/** More positions than a cache has rows. */
export class ContextOverflowError extends Error {
  override readonly name = 'ContextOverflowError'
  constructor(position: number, tokens: number, capacity: number) {
    super(
      `${tokens} tokens at position ${position} do not fit into a context of ${capacity}: shorten the prompt or generate fewer`,
    )
  }
}

export interface KvCacheShape {
  readonly layers: number
  /** Sequences that run side by side; 1. */
  readonly batch?: number
  /** Positions that it can hold. */
  readonly capacity: number
  readonly kvHeads: number
  readonly headDim: number
}

/**
 * Keys and values of the positions seen so far, for every layer. It owns the position: the attention of a layer writes its
 * rows with {@link LayerCache.update}, and the model moves on with {@link KvCache.advance} when all layers have.
 */
export class KvCache implements Disposable {
  readonly layers: readonly LayerCache[]
  readonly capacity: number
  #position = 0

  constructor(device: Device, { layers, batch = 1, capacity, kvHeads, headDim }: KvCacheShape) {
    this.capacity = capacity
    const zeros = () => device.zeros([batch, capacity, kvHeads, headDim])
    this.layers = Array.from({ length: layers }, () => new LayerCache(this, zeros(), zeros()))
  }

  /** How many positions it holds: where the next token goes. */
  get position(): number {
    return this.#position
  }

  /** Bytes that its keys and values take, for all positions. */
  get bytes(): number {
    return this.layers.reduce((sum, { k, v }) => sum + 4 * (k.size + v.size), 0)
  }

  /** Moves past the tokens that every layer has written. @throws RangeError @throws ContextOverflowError */
  advance(tokens: number): void {
    if (!Number.isInteger(tokens) || tokens < 0) throw new RangeError(`cannot advance by ${tokens} tokens`)
    if (this.#position + tokens > this.capacity) throw new ContextOverflowError(this.#position, tokens, this.capacity)
    this.#position += tokens
  }

  /** Goes back to an earlier position: what follows it is forgotten, and overwritten by what comes. @throws RangeError */
  rewind(position: number): void {
    if (!Number.isInteger(position) || position < 0 || position > this.#position)
      throw new RangeError(`cannot rewind to position ${position} from ${this.#position}`)
    this.#position = position
  }

  dispose(): void {
    for (const { k, v } of this.layers) {
      k.dispose()
      v.dispose()
    }
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** One layer's keys and values, [B, S, K, C] each. */
export class LayerCache {
  constructor(
    private readonly cache: KvCache,
    readonly k: Tensor,
    readonly v: Tensor,
  ) {}

  /** As the whole cache's: the same for all layers until it advances. */
  get position(): number {
    return this.cache.position
  }

  /**
   * Writes new rows after those it holds.
   * @param k [B, T, K, C]
   * @param v [B, T, K, C]
   * @throws ContextOverflowError @throws ShapeError for another batch, or other heads
   */
  update(k: Tensor, v: Tensor): void {
    const { position, capacity } = this.cache
    const time = k.shape[1]
    if (position + time > capacity) throw new ContextOverflowError(position, time, capacity)
    writeRows(this.k, k, position)
    writeRows(this.v, v, position)
  }
}
