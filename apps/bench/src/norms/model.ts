import { type Attention, CausalModel, multiHeadAttention, type Pass } from '@cria/attention-variants'
import { Embedding, LayerNorm, Linear, Module, RmsNorm, RotaryEmbedding, SwiGlu } from '@cria/layers'
import type { ResolvedConfig } from '@cria/llama'
import { add, type Device, type Tensor } from '@cria/tensor'

// Shapes: N tokens of a pass, M outputs, D dim, V vocab.

/** The normalisation that a model has wherever LLaMA has RMSNorm. */
export type NormName = 'RMSNorm' | 'LayerNorm'

const norms = { RMSNorm: RmsNorm, LayerNorm }

export type NormedSize = Pick<
  ResolvedConfig,
  'dim' | 'n_layers' | 'n_heads' | 'head_dim' | 'hidden_dim' | 'vocab_size' | 'max_seq_len'
>

class Block extends Module {
  readonly attention: Attention
  readonly feed_forward: SwiGlu
  readonly attention_norm: RmsNorm | LayerNorm
  readonly ffn_norm: RmsNorm | LayerNorm

  constructor({ dim, n_heads, hidden_dim }: NormedSize, rotary: RotaryEmbedding, norm: NormName) {
    super()
    this.attention = multiHeadAttention({ dim, heads: n_heads, rotary })
    this.feed_forward = new SwiGlu(dim, hidden_dim)
    this.attention_norm = new norms[norm](dim)
    this.ffn_norm = new norms[norm](dim)
  }

  /** @param x f32 [N, D] @returns f32 [N, D] */
  forward(x: Tensor, pass: Pass, layer: number): Tensor {
    using scope = x.device.scope()
    const h = add(x, this.attention.forward(this.attention_norm.forward(x), pass, layer))
    return scope.keep(add(h, this.feed_forward.forward(this.ffn_norm.forward(h))))
  }
}

/** LLaMA with one of two normalisations. Everything else is the same. */
export class NormedLlama extends CausalModel {
  readonly tok_embeddings: Embedding
  readonly layers: readonly Block[]
  readonly norm: RmsNorm | LayerNorm
  readonly output: Linear
  override readonly rotary: RotaryEmbedding

  constructor(
    readonly device: Device,
    readonly size: NormedSize,
    norm: NormName,
  ) {
    super()
    const { dim, n_layers, head_dim, vocab_size } = size
    const rotary = new RotaryEmbedding(head_dim)
    this.rotary = rotary
    this.tok_embeddings = new Embedding(vocab_size, dim)
    this.layers = Array.from({ length: n_layers }, () => new Block(size, rotary, norm))
    this.norm = new norms[norm](dim)
    this.output = new Linear(dim, vocab_size)
  }

  get maxSeqLen(): number {
    return this.size.max_seq_len
  }

  get vocabSize(): number {
    return this.size.vocab_size
  }

  get cacheShape() {
    const { n_layers, n_heads, head_dim } = this.size
    return { layers: n_layers, kvHeads: n_heads, headDim: head_dim }
  }

  *hidden(pass: Pass): Generator<void, Tensor> {
    let h = this.tok_embeddings.forward(pass.ids) // [N, D]
    for (const [i, block] of this.layers.entries()) {
      using before = h
      h = block.forward(before, pass, i)
      yield
    }
    return h
  }

  head(h: Tensor): Tensor {
    using normal = this.norm.forward(h)
    return this.output.forward(normal)
  }
}
