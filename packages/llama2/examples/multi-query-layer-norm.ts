// An architecture of one's own, from the layers: a decoder with multi-query attention, and LayerNorm in place of RMSNorm.

import { KvCache, type LayerCache, multiQueryAttention } from '@cria/attention-variants'
import { Embedding, initialise, LayerNorm, Linear, Module, RotaryEmbedding, SwiGlu } from '@cria/layers'
import { generate } from '@cria/sampling'
import { add, type Device, openDevice, slice, type Tensor } from '@cria/tensor'

const [DIM, HEADS, LAYERS, VOCAB, CONTEXT] = [64, 4, 2, 256, 128]
const rotary = new RotaryEmbedding(DIM / HEADS)

class Block extends Module {
  readonly attention_norm = new LayerNorm(DIM)
  readonly attention = multiQueryAttention({ dim: DIM, heads: HEADS, rotary })
  readonly ffn_norm = new LayerNorm(DIM)
  readonly feed_forward = new SwiGlu(DIM, 4 * DIM)

  forward(x: Tensor, cache: LayerCache | undefined): Tensor {
    using scope = x.device.scope()
    const h = add(x, this.attention.forward(this.attention_norm.forward(x), { cache }))
    return scope.keep(add(h, this.feed_forward.forward(this.ffn_norm.forward(h))))
  }
}

export class Decoder extends Module {
  readonly maxSeqLen = CONTEXT
  readonly tok_embeddings = new Embedding(VOCAB, DIM)
  readonly layers = Array.from({ length: LAYERS }, () => new Block())
  readonly norm = new LayerNorm(DIM)
  readonly output = new Linear(DIM, VOCAB)

  constructor(private readonly device: Device) {
    super()
    initialise(this, device, { seed: 42 })
  }

  createCache({ capacity = CONTEXT } = {}): KvCache {
    return new KvCache(this.device, { layers: LAYERS, capacity, kvHeads: 1, headDim: DIM / HEADS })
  }

  /** Logits of the last token of one sequence, [1, VOCAB]. */
  forward(ids: readonly number[], cache?: KvCache): Tensor {
    using scope = this.device.scope()
    let h = this.tok_embeddings.forward(ids) // [1, T, DIM]
    for (const [i, block] of this.layers.entries()) h = block.forward(h, cache?.layers[i])
    cache?.advance(ids.length)
    const last = slice(this.norm.forward(h), { axis: 1, start: ids.length - 1, length: 1 })
    return scope.keep(this.output.forward(last.reshape(1, DIM)))
  }
}

await using device = await openDevice()
using model = new Decoder(device)
console.log(`${model.parameterCount} parameters on ${device.name}`)
for await (const { id } of generate(model, [1], { maxTokens: 16, seed: 7 })) console.log(id)
