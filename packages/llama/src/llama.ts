import {
  type Attention,
  type AttentionContext,
  type AttentionOptions,
  KvCache,
  multiHeadAttention,
} from '@cria/attention-variants'
import { ConfigError, Embedding, Linear, Module, RmsNorm, RotaryEmbedding, SwiGlu, type TokenIds } from '@cria/layers'
import { add, type Device, linear, slice, type Tensor } from '@cria/tensor'
import { type LlamaConfig, type ResolvedConfig, resolveConfig } from './config'

// Shapes: B batch, T time, D dim, V vocab.

/** Makes the attention of a block. LLaMA's is multi-head. */
export type AttentionOf = (options: AttentionOptions, config: ResolvedConfig) => Attention

/** One layer (LLaMA, section 2.2): attention, then feed-forward, each normalised before and added to what came in. */
export class TransformerBlock extends Module {
  readonly attention: Attention
  readonly feed_forward: SwiGlu
  readonly attention_norm: RmsNorm
  readonly ffn_norm: RmsNorm

  constructor(config: ResolvedConfig, rotary: RotaryEmbedding, attentionOf: AttentionOf) {
    super()
    const { dim, n_heads, hidden_dim, norm_eps } = config
    this.attention = attentionOf({ dim, heads: n_heads, rotary }, config)
    this.feed_forward = new SwiGlu(dim, hidden_dim)
    this.attention_norm = new RmsNorm(dim, norm_eps)
    this.ffn_norm = new RmsNorm(dim, norm_eps)
  }

  /** @param x [B, T, D] @returns [B, T, D] */
  forward(x: Tensor, context: AttentionContext = {}): Tensor {
    using scope = x.device.scope()
    const h = add(x, this.attention.forward(this.attention_norm.forward(x), context))
    return scope.keep(add(h, this.feed_forward.forward(this.ffn_norm.forward(h))))
  }
}

/**
 * LLaMA (Touvron et al. 2023): a config and a composition. Fields bear the names of Meta's checkpoints.
 * The parameters have no values until they are loaded, from a checkpoint or by `initialise`.
 */
export class Llama extends Module {
  readonly config: ResolvedConfig
  readonly tok_embeddings: Embedding
  readonly layers: readonly TransformerBlock[]
  readonly norm: RmsNorm
  /** None where the output is tied to the embedding. */
  readonly output: Linear | undefined
  readonly #rotary: RotaryEmbedding
  readonly #device: Device

  /** @throws ConfigError for sizes that do not fit each other */
  constructor(device: Device, config: LlamaConfig, attentionOf: AttentionOf = multiHeadAttention) {
    super()
    const resolved = resolveConfig(config)
    const { dim, n_layers, n_kv_heads, vocab_size, head_dim, norm_eps, rope_theta, rope_scaling, tied_output } =
      resolved
    this.config = resolved
    this.#device = device
    this.#rotary = new RotaryEmbedding(head_dim, { theta: rope_theta, scaling: rope_scaling })
    this.tok_embeddings = new Embedding(vocab_size, dim)
    this.layers = Array.from({ length: n_layers }, () => new TransformerBlock(resolved, this.#rotary, attentionOf))
    const { kvHeads } = this.layers[0].attention
    if (kvHeads !== n_kv_heads)
      throw new ConfigError(`n_kv_heads is ${n_kv_heads}, and the attention of this model has ${kvHeads} kv heads`)
    this.norm = new RmsNorm(dim, norm_eps)
    this.output = tied_output ? undefined : new Linear(dim, vocab_size)
  }

  get device(): Device {
    return this.#device
  }

  get maxSeqLen(): number {
    return this.config.max_seq_len
  }

  /** Bytes that the cache takes for each token, with elements of this many bytes (f16: 2). */
  kvBytesPerToken(elementBytes: number): number {
    const { n_layers, n_kv_heads, head_dim } = this.config
    return 2 * elementBytes * n_layers * n_kv_heads * head_dim
  }

  /** An empty cache, of the whole context unless a smaller capacity will do. */
  createCache({ batch = 1, capacity = this.maxSeqLen } = {}): KvCache {
    const { n_layers, n_kv_heads, head_dim } = this.config
    return new KvCache(this.device, { layers: n_layers, batch, capacity, kvHeads: n_kv_heads, headDim: head_dim })
  }

  /**
   * Runs tokens at the positions that follow those in the cache, and extends it; without a cache, from position 0.
   * It enqueues: reading the logits waits.
   * @param ids [T], or [B][T] with a cache of that batch
   * @returns logits of the last position, [B, V]; with `positions: 'all'` of each, [B, T, V]
   * @throws TokenIdsError @throws ContextOverflowError @throws ParameterError before the weights are loaded
   * @throws ShapeError for a cache of another batch @throws ConfigError for one of another model
   */
  forward(ids: TokenIds, cache?: KvCache, positions: 'last' | 'all' = 'last'): Tensor {
    if (cache && cache.layers.length !== this.layers.length)
      throw new ConfigError(`a cache of ${cache.layers.length} layers does not fit a model of ${this.layers.length}`)
    using scope = this.device.scope()
    let h = this.tok_embeddings.forward(ids) // [B, T, D]
    const [batch, time, dim] = h.shape
    const angles = this.#rotary.angles(this.device, cache?.position ?? 0, time)
    for (const [i, block] of this.layers.entries()) h = block.forward(h, { angles, cache: cache?.layers[i] })
    cache?.advance(time)
    if (positions === 'last') {
      const last = time === 1 ? h : slice(h, { axis: 1, start: time - 1, length: 1 })
      h = last.reshape(batch, dim)
    }
    const weight = (this.output ?? this.tok_embeddings).weight.tensor
    return scope.keep(linear(this.norm.forward(h), weight))
  }
}
