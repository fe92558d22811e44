import { ConfigError, Linear, Module, type RotaryAngles, type RotaryEmbedding } from '@cria/layers'
import { attention, type Device, type Tensor } from '@cria/tensor'
import type { LayerCache } from './kv-cache'

// Shapes: B batch, T time, D dim, H heads, K kv heads, C head dim.

export interface AttentionOptions {
  readonly dim: number
  /** Query heads, H. */
  readonly heads: number
  /** C; dim / heads where it is not given. */
  readonly headDim?: number
  /** Turns queries and keys by their positions. Without it attention knows no order but the mask's. */
  readonly rotary?: RotaryEmbedding | undefined
}

export interface GroupedQueryOptions extends AttentionOptions {
  /** Key and value heads, K; it divides `heads`. */
  readonly kvHeads: number
}

/** What came before, and where that puts the tokens at hand. */
export interface AttentionContext {
  /** The layer's part of a cache; without one, the tokens are the first. */
  readonly cache?: LayerCache | undefined
  /** Angles of the rotary embedding at the tokens' positions, made once for all layers; without them they are made here. */
  readonly angles?: RotaryAngles | undefined
}

/**
 * Causal self-attention (Vaswani et al. 2017) whose H query heads share K key and value heads. One computation: multi-head
 * attention is K = H, multi-query K = 1, grouped-query anything between. Make one with the constructors of those names.
 */
export class Attention extends Module {
  readonly wq: Linear
  readonly wk: Linear
  readonly wv: Linear
  readonly wo: Linear
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly #rotary: RotaryEmbedding | undefined

  /** @throws ConfigError for heads that do not divide `dim`, or kv heads that do not divide the heads */
  constructor({ dim, heads, kvHeads, headDim = dim / heads, rotary }: GroupedQueryOptions) {
    super()
    if (!Number.isInteger(headDim)) throw new ConfigError(`${heads} heads do not divide dim ${dim}`)
    if (!Number.isInteger(heads / kvHeads)) throw new ConfigError(`${kvHeads} kv heads do not divide ${heads} heads`)
    if (rotary && rotary.headDim !== headDim)
      throw new ConfigError(`a rotary embedding of heads of ${rotary.headDim} does not fit heads of ${headDim}`)
    this.heads = heads
    this.kvHeads = kvHeads
    this.headDim = headDim
    this.#rotary = rotary
    this.wq = new Linear(dim, heads * headDim)
    this.wk = new Linear(dim, kvHeads * headDim)
    this.wv = new Linear(dim, kvHeads * headDim)
    this.wo = new Linear(heads * headDim, dim)
  }

  /**
   * @param x [B, T, D]
   * @returns [B, T, D]
   * @throws ShapeError @throws ContextOverflowError @throws ParameterError
   */
  forward(x: Tensor, { cache, angles }: AttentionContext = {}): Tensor {
    using scope = x.device.scope()
    const [batch, time] = x.shape
    const position = cache?.position ?? 0
    const split = (y: Tensor, heads: number) => y.reshape(batch, time, heads, this.headDim)
    const turn = this.#turning(x.device, position, time, angles)
    const q = turn(split(this.wq.forward(x), this.heads)) // [B, T, H, C]
    const k = turn(split(this.wk.forward(x), this.kvHeads)) // [B, T, K, C]
    const v = split(this.wv.forward(x), this.kvHeads) // [B, T, K, C]
    cache?.update(k, v)
    const seen = cache ?? { k, v }
    const mixed = attention(q, seen.k, seen.v, { position }) // [B, T, H, C]
    return scope.keep(this.wo.forward(mixed.reshape(batch, time, this.heads * this.headDim)))
  }

  #turning(device: Device, position: number, time: number, given: RotaryAngles | undefined): (x: Tensor) => Tensor {
    const rotary = this.#rotary
    if (!rotary) return x => x
    const angles = given ?? rotary.angles(device, position, time)
    return x => rotary.forward(x, angles)
  }
}

/** Every query head has keys and values of its own (Vaswani et al. 2017): LLaMA, and LLaMA 2 7B and 13B. */
export const multiHeadAttention = (options: AttentionOptions): Attention =>
  new Attention({ ...options, kvHeads: options.heads })

/** All query heads share one head of keys and values (Shazeer 2019): the smallest cache. */
export const multiQueryAttention = (options: AttentionOptions): Attention => new Attention({ ...options, kvHeads: 1 })

/** Query heads share keys and values in groups (Ainslie et al. 2023): LLaMA 2 70B. */
export const groupedQueryAttention = (options: GroupedQueryOptions): Attention => new Attention(options)
