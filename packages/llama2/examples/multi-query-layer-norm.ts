// An architecture of your own, from the layers: a decoder with multi-query attention, and LayerNorm in place of RMSNorm.

import { CausalModel, multiQueryAttention, type Pass } from '@cria/attention-variants'
import { Embedding, initialise, LayerNorm, Linear, Module, RotaryEmbedding, SwiGlu } from '@cria/layers'
import { add, argMax, type Device, openDevice, type Tensor } from '@cria/tensor'

const [DIM, HEADS, LAYERS] = [64, 4, 2]

class Block extends Module {
  readonly attention_norm = new LayerNorm(DIM)
  readonly attention
  readonly ffn_norm = new LayerNorm(DIM)
  readonly feed_forward = new SwiGlu(DIM, 4 * DIM)

  constructor(rotary: RotaryEmbedding) {
    super()
    this.attention = multiQueryAttention({ dim: DIM, heads: HEADS, rotary })
  }

  forward(x: Tensor, pass: Pass, layer: number): Tensor {
    using scope = x.device.scope()
    const h = add(x, this.attention.forward(this.attention_norm.forward(x), pass, layer))
    return scope.keep(add(h, this.feed_forward.forward(this.ffn_norm.forward(h))))
  }
}

export class Decoder extends CausalModel {
  readonly maxSeqLen = 128
  readonly vocabSize = 256
  readonly cacheShape = { layers: LAYERS, kvHeads: 1, headDim: DIM / HEADS }
  override readonly rotary = new RotaryEmbedding(DIM / HEADS)
  readonly tok_embeddings = new Embedding(256, DIM)
  readonly layers = Array.from({ length: LAYERS }, () => new Block(this.rotary))
  readonly norm = new LayerNorm(DIM)
  readonly output = new Linear(DIM, 256)

  constructor(readonly device: Device) {
    super()
    initialise(this, device, { seed: 42 })
  }

  *hidden(pass: Pass): Generator<void, Tensor> {
    let h = this.tok_embeddings.forward(pass.ids) // [tokens, DIM]
    for (const [i, block] of this.layers.entries()) {
      h = block.forward(h, pass, i)
      yield
    }
    return h
  }

  head(h: Tensor): Tensor {
    return this.output.forward(this.norm.forward(h))
  }
}

await using device = await openDevice()
using model = new Decoder(device)
console.log(`${model.parameterCount} parameters on ${device.name}`)
using cache = model.createCache()
const sequence = cache.sequence({ capacity: 128 })
let id = 1
for (let step = 0; step < 16; step++) {
  using logits = model.forward([id], sequence)
  using best = argMax(logits)
  ;[id] = await best.readIntegers()
  console.log(id)
}
