// A decoder of your own: multi-query attention, and LayerNorm in place of RMSNorm.

import { CausalModel, multiQueryAttention, type Pass } from '@cria/attention-variants'
import { Embedding, LayerNorm, Linear, Module, RotaryEmbedding, SwiGlu } from '@cria/layers'
import { add, type Device, type Tensor } from '@cria/tensor'

export interface DecoderConfig {
  readonly dim: number
  readonly heads: number
  readonly layers: number
  readonly context: number
  readonly vocab: number
}

class Block extends Module {
  readonly attention_norm
  readonly attention
  readonly ffn_norm
  readonly feed_forward

  constructor({ dim, heads }: DecoderConfig, rotary: RotaryEmbedding) {
    super()
    this.attention_norm = new LayerNorm(dim)
    this.attention = multiQueryAttention({ dim, heads, rotary })
    this.ffn_norm = new LayerNorm(dim)
    this.feed_forward = new SwiGlu(dim, 4 * dim)
  }

  /** @param x [tokens, dim] */
  forward(x: Tensor, pass: Pass, layer: number): Tensor {
    using scope = x.device.scope()
    const h = add(x, this.attention.forward(this.attention_norm.forward(x), pass, layer))
    return scope.keep(add(h, this.feed_forward.forward(this.ffn_norm.forward(h))))
  }
}

export class Decoder extends CausalModel {
  readonly maxSeqLen
  readonly vocabSize
  readonly cacheShape
  override readonly rotary
  readonly tok_embeddings
  readonly layers
  readonly norm
  readonly output

  constructor(
    readonly device: Device,
    config: DecoderConfig,
  ) {
    super()
    const { dim, heads, layers, context, vocab } = config
    this.maxSeqLen = context
    this.vocabSize = vocab
    this.cacheShape = { layers, kvHeads: 1, headDim: dim / heads }
    const rotary = new RotaryEmbedding(dim / heads)
    this.rotary = rotary
    this.tok_embeddings = new Embedding(vocab, dim)
    this.layers = Array.from({ length: layers }, () => new Block(config, rotary))
    this.norm = new LayerNorm(dim)
    this.output = new Linear(dim, vocab)
  }

  *hidden(pass: Pass): Generator<void, Tensor> {
    let h = this.tok_embeddings.forward(pass.ids) // [tokens, dim]
    for (const [i, block] of this.layers.entries()) {
      h = block.forward(h, pass, i)
      yield
    }
    return h
  }

  /** @param h [rows, dim] @returns logits [rows, vocab] */
  head(h: Tensor): Tensor {
    return this.output.forward(this.norm.forward(h))
  }
}
