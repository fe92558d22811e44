import { Attention, CausalModel, type Pass } from '@cria/attention-variants'
import {
  Embedding,
  FeedForward,
  LayerNorm,
  Module,
  RmsNorm,
  type RopeScaling,
  RotaryEmbedding,
  SwiGlu,
} from '@cria/layers'
import { add, type Device, linear, type Tensor } from '@cria/tensor'

export interface VariantSizes {
  readonly dim: number
  readonly n_layers: number
  readonly n_heads: number
  readonly n_kv_heads: number
  readonly hidden_dim: number
  readonly vocab_size: number
  readonly max_seq_len: number
}

/** LLaMA's choices, and the alternatives. */
export interface VariantChoices {
  readonly norm?: 'rms' | 'layer'
  readonly feedForward?: 'swiglu' | 'relu' | 'gelu'
  readonly scaling?: RopeScaling
}

class Block extends Module {
  readonly attention: Attention
  readonly feed_forward: SwiGlu | FeedForward
  readonly attention_norm: RmsNorm | LayerNorm
  readonly ffn_norm: RmsNorm | LayerNorm

  constructor(
    { dim, n_heads, n_kv_heads, hidden_dim }: VariantSizes,
    { norm, feedForward = 'swiglu' }: VariantChoices,
    rotary: RotaryEmbedding,
  ) {
    super()
    this.attention = new Attention({ dim, heads: n_heads, kvHeads: n_kv_heads, rotary })
    this.feed_forward =
      feedForward === 'swiglu' ? new SwiGlu(dim, hidden_dim) : new FeedForward(dim, hidden_dim, feedForward)
    this.attention_norm = normOf(norm, dim)
    this.ffn_norm = normOf(norm, dim)
  }

  forward(x: Tensor, pass: Pass, layer: number): Tensor {
    using scope = x.device.scope()
    const h = add(x, this.attention.forward(this.attention_norm.forward(x), pass, layer))
    return scope.keep(add(h, this.feed_forward.forward(this.ffn_norm.forward(h))))
  }
}

const normOf = (norm: VariantChoices['norm'], dim: number) => (norm === 'layer' ? new LayerNorm(dim) : new RmsNorm(dim))

/** A LLaMA with some parts replaced. Its output is tied to its embedding. */
export class VariantModel extends CausalModel {
  readonly tok_embeddings: Embedding
  readonly layers: readonly Block[]
  readonly norm: RmsNorm | LayerNorm
  override readonly rotary: RotaryEmbedding

  constructor(
    readonly device: Device,
    private readonly sizes: VariantSizes,
    choices: VariantChoices = {},
  ) {
    super()
    const { dim, n_heads, n_layers, vocab_size } = sizes
    this.rotary = new RotaryEmbedding(dim / n_heads, { scaling: choices.scaling })
    this.tok_embeddings = new Embedding(vocab_size, dim)
    this.layers = Array.from({ length: n_layers }, () => new Block(sizes, choices, this.rotary))
    this.norm = normOf(choices.norm, dim)
  }

  get maxSeqLen(): number {
    return this.sizes.max_seq_len
  }

  get vocabSize(): number {
    return this.sizes.vocab_size
  }

  get cacheShape() {
    const { dim, n_layers, n_heads, n_kv_heads } = this.sizes
    return { layers: n_layers, kvHeads: n_kv_heads, headDim: dim / n_heads }
  }

  *hidden(pass: Pass): Generator<void, Tensor> {
    let h = this.tok_embeddings.forward(pass.ids)
    for (const [i, block] of this.layers.entries()) {
      using before = h
      h = block.forward(before, pass, i)
      yield
    }
    return h
  }

  head(h: Tensor): Tensor {
    using normal = this.norm.forward(h)
    return linear(normal, this.tok_embeddings.weight.tensor)
  }
}
