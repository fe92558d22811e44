import {
  type Attention,
  type AttentionOptions,
  type CacheShape,
  CausalModel,
  multiHeadAttention,
  type Pass,
} from '@cria/attention-variants'
import { ConfigError, Embedding, Linear, Module, RmsNorm, RotaryEmbedding, SwiGlu } from '@cria/layers'
import { type Device, linear, normLinear, recompute, type Tensor } from '@cria/tensor'
import { type LlamaConfig, type ResolvedConfig, resolveConfig } from './config'

// Shapes: N tokens of a pass, M outputs, D dim, V vocab.

export interface LlamaOptions {
  /** Makes the attention of a block; by default multi-head attention. */
  readonly attention?: ((options: AttentionOptions, config: ResolvedConfig) => Attention) | undefined
  /** Tokens that each one sees at most (a sliding window); by default all. */
  readonly window?: number | undefined
}

/** One layer (LLaMA, section 2.2): attention, then feed-forward, each normalised before and added to what came in. */
export class TransformerBlock extends Module {
  readonly attention: Attention
  readonly feed_forward: SwiGlu
  readonly attention_norm: RmsNorm
  readonly ffn_norm: RmsNorm

  constructor(config: ResolvedConfig, attention: Attention) {
    super()
    const { dim, hidden_dim, norm_eps, mlp_bias } = config
    this.attention = attention
    this.feed_forward = new SwiGlu(dim, hidden_dim, { bias: mlp_bias })
    this.attention_norm = new RmsNorm(dim, norm_eps)
    this.ffn_norm = new RmsNorm(dim, norm_eps)
  }

  /** @param x f32 [N, D] @param layer its number @returns f32 [N, D] */
  forward(x: Tensor, pass: Pass, layer: number): Tensor {
    using scope = x.device.scope()
    const h = this.attention.forward(x, pass, layer, { norm: this.attention_norm, residual: x })
    return scope.keep(this.feed_forward.forward(h, { norm: this.ffn_norm, residual: h }))
  }
}

/**
 * LLaMA (Touvron et al. 2023): a config and a composition. Fields bear the names of Meta's checkpoints.
 * The parameters have no values until they are loaded, from a checkpoint or by `initialise`.
 */
export class Llama extends CausalModel {
  readonly config: ResolvedConfig
  readonly tok_embeddings: Embedding
  readonly layers: readonly TransformerBlock[]
  readonly norm: RmsNorm
  /** Undefined where the output is tied to the embedding. */
  readonly output: Linear | undefined
  override readonly window: number | undefined
  /** Under a tape, layers are computed again for their gradients instead of being kept: memory for time. */
  recompute = false
  override readonly rotary: RotaryEmbedding

  /** @throws ConfigError for sizes that do not fit each other */
  constructor(
    readonly device: Device,
    config: LlamaConfig,
    { attention = multiHeadAttention, window }: LlamaOptions = {},
  ) {
    super()
    const resolved = resolveConfig(config)
    const { dim, n_layers, n_heads, n_kv_heads, head_dim, vocab_size, norm_eps, tied_output } = resolved
    this.config = resolved
    this.window = window
    this.rotary = new RotaryEmbedding(head_dim, { theta: resolved.rope_theta, scaling: resolved.rope_scaling })
    const options = { dim, heads: n_heads, headDim: head_dim, rotary: this.rotary, bias: resolved.attention_bias }
    const block = () => new TransformerBlock(resolved, attention(options, resolved))
    this.tok_embeddings = new Embedding(vocab_size, dim)
    this.layers = Array.from({ length: n_layers }, block)
    const { kvHeads } = this.layers[0].attention
    if (kvHeads !== n_kv_heads)
      throw new ConfigError(`n_kv_heads is ${n_kv_heads}, and the attention of this model has ${kvHeads} kv heads`)
    this.norm = new RmsNorm(dim, norm_eps)
    this.output = tied_output ? undefined : new Linear(dim, vocab_size)
  }

  get maxSeqLen(): number {
    return this.config.max_seq_len
  }

  get vocabSize(): number {
    return this.config.vocab_size
  }

  get cacheShape(): CacheShape {
    const { n_layers, n_kv_heads, head_dim } = this.config
    return { layers: n_layers, kvHeads: n_kv_heads, headDim: head_dim }
  }

  *hidden(pass: Pass): Generator<void, Tensor> {
    let h = this.tok_embeddings.forward(pass.ids) // [N, D]
    pass.observe?.('tok_embeddings', h)
    for (const [i, block] of this.layers.entries()) {
      using before = h
      const forward = (x: Tensor) => block.forward(x, pass, i)
      h = this.recompute ? recompute(before, forward) : forward(before)
      pass.observe?.(`layers.${i}`, h)
      yield
    }
    return h
  }

  head(h: Tensor): Tensor {
    const { norm, output } = this
    const [scale, weight] = [norm.plainWeight, output ? output.plainWeight : this.tok_embeddings.weight.tensor]
    if (scale && weight) return normLinear(h, scale, weight, norm.eps)
    using normal = norm.forward(h)
    return output ? output.forward(normal) : linear(normal, this.tok_embeddings.weight.tensor)
  }
}
