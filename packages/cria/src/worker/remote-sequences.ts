import type { GreedyRequest, PassRequest, SequenceModel, TokenSequence } from '@cria/sampling'
import type { Caller } from './calls'
import type { ModelOffer } from './serve-models'

/** Numbers of sequences in their worker, for all models: one thread may use several models. */
let sequenceNumbers = 0

/** Sequences of a model in a worker. Sampling runs in this thread, so the interface is that of a local model. */
export class RemoteSequences implements SequenceModel {
  constructor(
    readonly caller: Caller<ModelOffer>,
    readonly model: number,
    readonly maxSeqLen: number,
  ) {}

  createSequence({ capacity }: { readonly capacity: number }): TokenSequence {
    const sequence = ++sequenceNumbers
    this.send('create', { sequence, capacity })
    return new RemoteSequence(this, sequence, capacity, 0)
  }

  /** For {@link RemoteSequence}: a call whose error is reported by the next pass. */
  send<Name extends 'create' | 'fork' | 'rewind' | 'drop'>(
    name: Name,
    input: Omit<Parameters<ModelOffer[Name]>[0], 'model'>,
  ): void {
    this.caller.call(name, { model: this.model, ...input } as never).catch(() => {})
  }
}

class RemoteSequence implements TokenSequence {
  constructor(
    private readonly owner: RemoteSequences,
    private readonly sequence: number,
    readonly capacity: number,
    /** The length as known here; the worker has the same length after it has processed all calls. */
    public length: number,
  ) {}

  forward(ids: readonly number[], request: PassRequest = {}): Promise<readonly Float32Array[]> {
    const { logits, signal, onProgress } = request
    const input = { ...this.#address, ids, logits }
    return this.#pass(ids, this.owner.caller.call('forward', input, { signal, onProgress }))
  }

  greedy(ids: readonly number[], request: GreedyRequest = {}): Promise<readonly number[]> {
    const { logits, signal, onProgress, vocabSize } = request
    const input = { ...this.#address, ids, logits, vocabSize }
    return this.#pass(ids, this.owner.caller.call('greedy', input, { signal, onProgress }))
  }

  rewind(length: number): void {
    this.length = length
    this.owner.send('rewind', { sequence: this.sequence, length })
  }

  fork(): TokenSequence {
    const sequence = ++sequenceNumbers
    this.owner.send('fork', { sequence, from: this.sequence })
    return new RemoteSequence(this.owner, sequence, this.capacity, this.length)
  }

  dispose(): void {
    this.owner.send('drop', { sequence: this.sequence })
  }

  get #address() {
    return { model: this.owner.model, sequence: this.sequence }
  }

  async #pass<Result>(ids: readonly number[], pass: Promise<Result>): Promise<Result> {
    try {
      const result = await pass
      this.length += ids.length
      return result
    } catch (error) {
      // A part of the pass may have run.
      this.length = await this.owner.caller.call('length', this.#address).catch(() => this.length)
      throw error
    }
  }
}
