import { RotaryEmbedding } from '@cria/layers'
import { minP, repetitionPenalty, type Sampler, temperature, topK, topP } from '@cria/sampling'
import { linear, type Tensor } from '@cria/tensor'
import type { Model } from 'cria'
import type { Candidate, Inspection as InspectionSummary, OpTime, Sampling, SamplingStep } from '../types'

// Shapes: T tokens, D dim, L layers, V vocabulary, H query heads, K kv heads, C head dim.

/** Tokens that are looked at, at most: their attention maps are small enough to see. */
const mostTokens = 256

/** Rows of tables that are shown. */
const shown = 12
const shownByLens = 5

/** One pass over a text, its states kept in this worker. */
export class Inspection {
  private constructor(
    private readonly model: Model,
    private readonly ids: readonly number[],
    private readonly cut: boolean,
    /** [L + 1], each [T, D]. */
    private readonly states: readonly Float32Array[],
    /** [T, V] */
    private readonly logits: Float32Array,
    private readonly milliseconds: number,
  ) {}

  static async of(model: Model, text: string, signal: AbortSignal): Promise<Inspection> {
    const all = Array.from(model.tokenizer.encode(text, { bos: true }))
    const ids = all.slice(0, Math.min(model.maxSeqLen, mostTokens))
    const { network } = model
    const start = performance.now()
    const states: Float32Array[] = []
    let h = network.tok_embeddings.forward(ids) // [1, T, D]
    states.push(await h.read())
    for (const block of network.layers) {
      signal.throwIfAborted()
      const next = block.forward(h)
      h.dispose()
      h = next
      states.push(await h.read())
    }
    using last = h
    using normed = network.norm.forward(last)
    using logits = linear(normed, (network.output ?? network.tok_embeddings).weight.tensor)
    return new Inspection(model, ids, ids.length < all.length, states, await logits.read(), performance.now() - start)
  }

  get summary(): InspectionSummary {
    const { tokenizer, config } = this.model
    const times: OpTime[] = [{ op: 'all', milliseconds: this.milliseconds, calls: 1 }]
    return {
      tokens: this.ids.map(id => ({ id, piece: tokenizer.idToPiece(id) })),
      cut: this.cut,
      norms: this.states.map(state =>
        Float32Array.from(this.ids, (_, t) => rootMeanSquare(state.subarray(t * config.dim, (t + 1) * config.dim))),
      ),
      times,
      expected: this.expected(),
    }
  }

  private expected(): Float32Array {
    const { vocab_size } = this.model.config
    return Float32Array.from(this.ids, (id, t) =>
      t === 0 ? 1 : softmax(this.logits.subarray((t - 1) * vocab_size, t * vocab_size))[id],
    )
  }

  distribution(position: number, sampling: Sampling): readonly SamplingStep[] {
    const { vocab_size } = this.model.config
    let logits: Float32Array = this.logits.slice(position * vocab_size, (position + 1) * vocab_size)
    const history = this.ids.slice(0, position + 1)
    const steps: SamplingStep[] = []
    const order = likeliest(softmax(logits), shown)
    const next = this.ids[position + 1]
    if (next !== undefined && !order.includes(next)) order[shown - 1] = next
    const note = (name: string) => {
      const probabilities = softmax(logits)
      steps.push({
        name,
        left: probabilities.reduce((count, p) => count + Number(p > 0), 0),
        candidates: order.map(id => this.candidate(id, probabilities[id])),
      })
    }
    note('model')
    for (const [name, sampler] of stepsOf(sampling)) {
      logits = sampler(logits, history)
      note(name)
    }
    return steps
  }

  async attention(layer: number): Promise<readonly Float32Array[]> {
    const { network, config, device } = this.model
    const { n_heads, n_kv_heads, head_dim, rope_theta } = config
    const time = this.ids.length
    const block = network.layers[layer]
    using x = device.tensor(this.states[layer], [1, time, config.dim])
    using normed = block.attention_norm.forward(x)
    const rotary = new RotaryEmbedding(head_dim, { theta: rope_theta })
    using angles = rotary.angles(device, 0, time)
    const turned = async (projected: Tensor, heads: number) => {
      using all = projected
      using split = all.reshape(1, time, heads, head_dim)
      using rotated = rotary.forward(split, angles)
      return rotated.read()
    }
    const q = await turned(block.attention.wq.forward(normed), n_heads)
    const k = await turned(block.attention.wk.forward(normed), n_kv_heads)
    return Array.from({ length: n_heads }, (_, head) => {
      const kvHead = Math.floor((head * n_kv_heads) / n_heads)
      const weights = new Float32Array(time * time)
      for (let t = 0; t < time; t++) {
        const scores = new Float32Array(t + 1)
        for (let s = 0; s <= t; s++) {
          let sum = 0
          for (let c = 0; c < head_dim; c++)
            sum += q[(t * n_heads + head) * head_dim + c] * k[(s * n_kv_heads + kvHead) * head_dim + c]
          scores[s] = sum / Math.sqrt(head_dim)
        }
        weights.set(softmax(scores), t * time)
      }
      return weights
    })
  }

  async lens(position: number): Promise<readonly (readonly Candidate[])[]> {
    const { network, config, device } = this.model
    const rows = new Float32Array(this.states.length * config.dim)
    for (const [i, state] of this.states.entries())
      rows.set(state.subarray(position * config.dim, (position + 1) * config.dim), i * config.dim)
    using x = device.tensor(rows, [this.states.length, config.dim])
    using normed = network.norm.forward(x)
    using logits = linear(normed, (network.output ?? network.tok_embeddings).weight.tensor)
    const values = await logits.read()
    return this.states.map((_, i) => {
      const probabilities = softmax(values.subarray(i * config.vocab_size, (i + 1) * config.vocab_size))
      return likeliest(probabilities, shownByLens).map(id => this.candidate(id, probabilities[id]))
    })
  }

  private candidate(id: number, probability: number): Candidate {
    return { id, piece: this.model.tokenizer.idToPiece(id), probability }
  }
}

/** The steps that the options stand for, in the order in which `samplerOf` applies them. */
const stepsOf = (sampling: Sampling): [string, Sampler][] => {
  const steps: [string, Sampler][] = []
  if (sampling.repetitionPenalty !== undefined && sampling.repetitionPenalty !== 1)
    steps.push(['repetition penalty', repetitionPenalty(sampling.repetitionPenalty)])
  steps.push(['temperature', temperature(sampling.temperature)])
  if (sampling.temperature === 0) return steps
  if (sampling.topK !== undefined) steps.push(['top-k', topK(sampling.topK)])
  if (sampling.topP !== undefined) steps.push(['top-p', topP(sampling.topP)])
  if (sampling.minP !== undefined) steps.push(['min-p', minP(sampling.minP)])
  return steps
}

const softmax = (logits: Float32Array): Float32Array => {
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity)
  const result = logits.map(logit => Math.exp(logit - max))
  const sum = result.reduce((a, b) => a + b, 0)
  return result.map(value => value / sum)
}

const likeliest = (probabilities: Float32Array, count: number): number[] =>
  Array.from(probabilities.keys())
    .sort((a, b) => probabilities[b] - probabilities[a])
    .slice(0, count)

const rootMeanSquare = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
