import { ConfigError, Module, type RotaryEmbedding, type TokenIds } from '@cria/layers'
import { type Device, embedding, type Tensor } from '@cria/tensor'
import { type CacheShape, type CacheType, KvCache, type Sequence } from './kv-cache'
import {
  type Addition,
  extendSequences,
  type Observe,
  type Pass,
  packDocuments,
  type TokenList,
  uploadPass,
} from './pass'

export interface CacheOptions {
  /** Rows to begin with: tokens of all sequences together. It grows when they need more. */
  readonly rows?: number | undefined
  /** How keys and values are stored. Default: the first of the device's `cacheTypes`. */
  readonly dtype?: CacheType | undefined
}

export interface ForwardOptions {
  /** Logits of the last token of each sequence, or of all tokens. Default `last`. */
  readonly logits?: 'last' | 'all' | undefined
  /** Called with hidden states, attention weights and logits. */
  readonly observe?: Observe | undefined
}

/**
 * A decoder: it runs lists of tokens and gives logits. Extend this class to build your own model: give it the device, the sizes,
 * the layers ({@link CausalModel.hidden}) and the output ({@link CausalModel.head}). It then has caching, batches, prompts in parts and
 * training.
 */
export abstract class CausalModel extends Module {
  abstract readonly device: Device
  /** The longest sequence, in tokens. */
  abstract readonly maxSeqLen: number
  abstract readonly vocabSize: number
  /** What a cache holds for each token. */
  abstract readonly cacheShape: CacheShape
  /** The rotary embedding that its layers share, if they have one. A pass contains its angles. */
  readonly rotary: RotaryEmbedding | undefined = undefined
  /** Tokens that each one sees at most, itself among them; undefined where it sees all. */
  readonly window: number | undefined = undefined

  /**
   * Runs a pass through the layers, and yields after each, so that the caller can pause there.
   * @returns hidden states of all tokens, f32 [N, dim]
   */
  abstract hidden(pass: Pass): Generator<void, Tensor>

  /** Logits of hidden states. @param h f32 [M, dim] @returns f32 [M, vocab] */
  abstract head(h: Tensor): Tensor

  /** Runs a pass in steps. @returns logits of its outputs, f32 [M, vocab]; undefined where it has none */
  *steps(list: TokenList, observe?: Observe): Generator<void, Tensor | undefined> {
    using scope = this.device.scope()
    using pass = uploadPass(this.device, list, this.rotary, observe)
    const h = yield* this.hidden(pass) // [N, D]
    if (list.outputs.length === 0) return undefined
    const logits = this.head(pass.outputs ? embedding(pass.outputs, h) : h) // [M, V]
    observe?.('logits', logits)
    return scope.keep(logits)
  }

  /** An empty cache. */
  createCache(options: CacheOptions = {}): KvCache {
    return new KvCache(this.device, { ...this.cacheShape, ...options })
  }

  /** Bytes of a cache for each token, with elements of this many bytes (f16: 2). */
  kvBytesPerToken(elementBytes: number): number {
    const { layers, kvHeads, headDim } = this.cacheShape
    return 2 * elementBytes * layers * kvHeads * headDim
  }

  /** Runs a pass without pauses. It only enqueues; reading the logits waits. @returns f32 [M, vocab] @throws RangeError for no outputs */
  run(list: TokenList, observe?: Observe): Tensor {
    if (list.outputs.length === 0) throw new RangeError('the pass has no outputs: nothing to return')
    const steps = this.steps(list, observe)
    for (;;) {
      const { done, value } = steps.next()
      if (done) return value as Tensor
    }
  }

  /** The pass that adds tokens to sequences. @throws TokenIdsError @throws ContextOverflowError @throws ConfigError @throws RangeError */
  extend(additions: readonly Addition[]): TokenList {
    for (const { sequence } of additions) this.#checkCache(sequence)
    return extendSequences(additions, this)
  }

  /** The pass of packed documents, without a cache: what training runs. @throws TokenIdsError @throws RangeError */
  pack(ids: TokenIds, starts?: ArrayLike<number>): TokenList {
    return packDocuments(ids, this, starts)
  }

  /**
   * Runs tokens after those that a sequence holds, and extends it; without a sequence, from position 0.
   * @returns f32 [1, vocab], or [T, vocab] with `logits: 'all'`
   * @throws TokenIdsError @throws ContextOverflowError @throws ParameterError before the weights are loaded
   * @throws ConfigError for a cache of another model
   */
  forward(ids: TokenIds, sequence?: Sequence, { logits = 'last', observe }: ForwardOptions = {}): Tensor {
    if (sequence) {
      const length = sequence.length
      try {
        return this.run(this.extend([{ sequence, ids, logits }]), observe)
      } catch (error) {
        if (sequence.length > length) sequence.rewind(length)
        throw error
      }
    }
    const list = this.pack(ids)
    return this.run(logits === 'all' ? list : { ...list, outputs: list.outputs.slice(-1) }, observe)
  }

  #checkCache({ cache }: Sequence): void {
    const { layers } = this.cacheShape
    if (cache.layers.length !== layers)
      throw new ConfigError(`a cache of ${cache.layers.length} layers does not fit a model of ${layers}`)
    if (cache.device !== this.device)
      throw new ConfigError(`the cache is on device "${cache.device.name}", the model on "${this.device.name}"`)
  }

  override dispose(): void {
    super.dispose()
    this.rotary?.dispose()
  }
}
