import { type BlockStep, ConfigError, Linear, Module, type RotaryEmbedding } from '@cria/layers'
import { attention, attentionWeights, projectHeads, type Tensor } from '@cria/tensor'
import type { Pass } from './pass'

// Shapes: N tokens, D dim, H heads, K kv heads, C head dim.

export interface AttentionOptions {
  readonly dim: number
  /** Query heads, H. */
  readonly heads: number
  /** C; dim / heads by default. */
  readonly headDim?: number | undefined
  /** Rotates queries and keys by their positions. Without it, attention knows the order of tokens only by the mask. */
  readonly rotary?: RotaryEmbedding | undefined
  /** Whether the four projections add a bias; LLaMA's do not. */
  readonly bias?: boolean | undefined
}

export interface GroupedQueryOptions extends AttentionOptions {
  /** Key and value heads, K; it divides `heads`. */
  readonly kvHeads: number
}

/**
 * Self-attention (Vaswani et al. 2017) whose H query heads share K key and value heads. One computation: multi-head attention is
 * K = H, multi-query K = 1, grouped-query anything between. Make one with the functions of those names.
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
  constructor({ dim, heads, kvHeads, headDim = dim / heads, rotary, bias = false }: GroupedQueryOptions) {
    super()
    if (!Number.isInteger(headDim)) throw new ConfigError(`${heads} heads do not divide dim ${dim}`)
    if (!Number.isInteger(heads / kvHeads)) throw new ConfigError(`${kvHeads} kv heads do not divide ${heads} heads`)
    if (rotary && rotary.headDim !== headDim)
      throw new ConfigError(`a rotary embedding of heads of ${rotary.headDim} does not fit heads of ${headDim}`)
    this.heads = heads
    this.kvHeads = kvHeads
    this.headDim = headDim
    this.#rotary = rotary
    this.wq = new Linear(dim, heads * headDim, { bias })
    this.wk = new Linear(dim, kvHeads * headDim, { bias })
    this.wv = new Linear(dim, kvHeads * headDim, { bias })
    this.wo = new Linear(heads * headDim, dim, { bias })
  }

  /**
   * @param x f32 [N, D]
   * @param layer number of the layer: which part of the pass's cache it uses
   * @param step the norm before, and what is added to the result
   * @returns f32 [N, D]
   * @throws ShapeError @throws ParameterError
   */
  forward(x: Tensor, pass: Pass, layer = 0, { norm, residual }: BlockStep = {}): Tensor {
    using scope = x.device.scope()
    const { q, k, v } = this.#project(x, pass, layer, norm)
    pass.observe?.(`layers.${layer}.attention.weights`, attentionWeights(q, k, pass.ranges))
    const mixed = attention(q, k, v, pass.ranges) // [N, H, C]
    return scope.keep(this.wo.forward(mixed.reshape(-1, this.heads * this.headDim), residual))
  }

  /** Queries of the tokens, and all keys and values that they may see. */
  #project(x: Tensor, pass: Pass, layer: number, norm: BlockStep['norm']) {
    const { headDim } = this
    const [wq, wk, wv] = [this.wq.plainWeight, this.wk.plainWeight, this.wv.plainWeight]
    const weight = norm?.plainWeight
    const cache = pass.cache?.layers[layer]
    const [keys, values] = [cache?.keys, cache?.values]
    const rotary = this.#rotary
    if (norm && weight && wq && wk && wv && keys && values && rotary && pass.angles) {
      const places = { angles: pass.angles, positions: pass.positions, keys, values, rows: pass.rows }
      const attributes = { eps: norm.eps, headDim, pairing: rotary.pairing }
      const q = projectHeads(x, { norm: weight, wq, wk, wv, ...places }, attributes)
      return { q, k: keys, v: values }
    }
    const normal = norm ? norm.forward(x) : x
    const split = (y: Tensor, heads: number) => y.reshape(-1, heads, headDim)
    const q = this.#turn(split(this.wq.forward(normal), this.heads), pass) // [N, H, C]
    const k = this.#turn(split(this.wk.forward(normal), this.kvHeads), pass) // [N, K, C]
    const v = split(this.wv.forward(normal), this.kvHeads) // [N, K, C]
    return { q, ...(cache?.update(k, v, pass.rows) ?? { k, v }) }
  }

  #turn(x: Tensor, { angles, positions }: Pass): Tensor {
    return this.#rotary && angles ? this.#rotary.forward(x, angles, positions) : x
  }
}

/** Every query head has its own keys and values (Vaswani et al. 2017): LLaMA, and LLaMA 2 7B and 13B. */
export const multiHeadAttention = (options: AttentionOptions): Attention =>
  new Attention({ ...options, kvHeads: options.heads })

/** All query heads share one head of keys and values (Shazeer 2019): the smallest cache. */
export const multiQueryAttention = (options: AttentionOptions): Attention => new Attention({ ...options, kvHeads: 1 })

/** Query heads share keys and values in groups (Ainslie et al. 2023): LLaMA 2 70B. */
export const groupedQueryAttention = (options: GroupedQueryOptions): Attention => new Attention(options)
