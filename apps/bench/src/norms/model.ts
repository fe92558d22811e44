import { type Attention, multiHeadAttention } from '@cria/attention-variants'
import { Embedding, LayerNorm, Linear, Module, RmsNorm, type RotaryAngles, RotaryEmbedding, SwiGlu } from '@cria/layers'
import { add, type Device, type Tensor } from '@cria/tensor'

/** Which normalisation a model has, in every place where LLaMA has RMSNorm. */
export type NormName = 'RMSNorm' | 'LayerNorm'

const norms = { RMSNorm: RmsNorm, LayerNorm }

export interface NormedSize {
  readonly dim: number
  readonly n_layers: number
  readonly n_heads: number
  readonly hidden_dim: number
  readonly vocab_size: number
}

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

  forward(x: Tensor, angles: RotaryAngles): Tensor {
    using scope = x.device.scope()
    const h = add(x, this.attention.forward(this.attention_norm.forward(x), { angles }))
    return scope.keep(add(h, this.feed_forward.forward(this.ffn_norm.forward(h))))
  }
}

/** LLaMA with the normalisation of one's choice, and all else alike. */
export class NormedTransformer extends Module {
  readonly tok_embeddings: Embedding
  readonly layers: readonly Block[]
  readonly norm: RmsNorm | LayerNorm
  readonly output: Linear
  readonly #rotary: RotaryEmbedding
  readonly #device: Device

  constructor(device: Device, size: NormedSize, norm: NormName) {
    super()
    const { dim, n_layers, n_heads, vocab_size } = size
    this.#device = device
    this.#rotary = new RotaryEmbedding(dim / n_heads)
    this.tok_embeddings = new Embedding(vocab_size, dim)
    this.layers = Array.from({ length: n_layers }, () => new Block(size, this.#rotary, norm))
    this.norm = new norms[norm](dim)
    this.output = new Linear(dim, vocab_size)
  }

  /** A whole pass over ids, without a cache: logits of every position, [1, time, vocab]. */
  forward(ids: readonly number[]): Tensor {
    using scope = this.#device.scope()
    let h = this.tok_embeddings.forward(ids)
    const angles = this.#rotary.angles(this.#device, 0, ids.length)
    for (const block of this.layers) h = block.forward(h, angles)
    return scope.keep(this.output.forward(this.norm.forward(h)))
  }
}
