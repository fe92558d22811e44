import { SessionError } from './errors'
import type { DrawRequest, GreedyRequest, PassRequest, SequenceModel, TokenSequence } from './sequence'

/**
 * A sequence that outlives a generation, and the ids that it holds. The next generation keeps the prefix that its
 * prompt has in common with them, so a second question of a chat costs only its own tokens. One generation at a time
 * can use it.
 */
export class Session {
  readonly #ids: number[]
  /** Resolves when no pass is running. Never rejects. */
  #idle: Promise<unknown> = Promise.resolve()
  #state: 'free' | 'in use' | 'disposed' = 'free'

  /** @param ids those that the sequence holds already */
  constructor(
    private readonly sequence: TokenSequence,
    ids: Iterable<number> = [],
  ) {
    this.#ids = Array.from(ids)
    if (this.#ids.length !== sequence.length)
      throw new SessionError(
        `the sequence holds ${sequence.length} tokens, and ${this.#ids.length} ids are given for them`,
      )
  }

  /** The ids that it holds: the last prompt, and the generated tokens that the model has run. */
  get ids(): readonly number[] {
    return this.#ids.slice(0, this.length)
  }

  /** Tokens that it holds. */
  get length(): number {
    return Math.min(this.#ids.length, this.sequence.length)
  }

  /** Tokens that it can hold at most. */
  get capacity(): number {
    return this.sequence.capacity
  }

  /** Whether its model can find the most likely id itself. */
  get canBeGreedy(): boolean {
    return this.sequence.greedy !== undefined
  }

  /** Whether its model can draw an id itself. */
  get canDraw(): boolean {
    return this.sequence.draw !== undefined
  }

  /**
   * Reserves it for one generation.
   *
   * @returns the function that ends the reservation
   * @throws SessionError if it is in use or disposed of
   */
  use(): () => void {
    if (this.#state === 'disposed') throw new SessionError('the session is disposed of: create another one')
    if (this.#state === 'in use')
      throw new SessionError('another generation uses the session: wait until it ends, or create another session')
    this.#state = 'in use'
    return () => {
      if (this.#state === 'in use') this.#state = 'free'
    }
  }

  /**
   * Keeps only the prefix that it has in common with `ids`, without its last id, because the logits after that are needed.
   *
   * @returns the length that is kept
   */
  async keep(ids: readonly number[]): Promise<number> {
    // An aborted pass may still be running.
    await this.#idle
    const most = Math.min(this.length, ids.length - 1)
    let kept = 0
    while (kept < most && this.#ids[kept] === ids[kept]) kept++
    this.rewind(kept)
    return kept
  }

  /** Removes the tokens from `length` on. */
  rewind(length: number): void {
    this.#ids.length = length
    if (this.sequence.length > length) this.sequence.rewind(length)
  }

  /** See `TokenSequence.forward`. */
  forward(ids: readonly number[], request: PassRequest): Promise<readonly Float32Array[]> {
    return this.#run(ids, () => this.sequence.forward(ids, request))
  }

  /** See `TokenSequence.greedy`. */
  greedy(ids: readonly number[], request: GreedyRequest): Promise<readonly number[]> {
    const { greedy } = this.sequence
    if (!greedy) throw new SessionError("the session's model cannot find the most likely id itself")
    return this.#run(ids, () => greedy.call(this.sequence, ids, request))
  }

  /** See `TokenSequence.draw`. */
  draw(ids: readonly number[], request: DrawRequest): Promise<readonly number[]> {
    const { draw } = this.sequence
    if (!draw) throw new SessionError("the session's model cannot draw an id itself")
    return this.#run(ids, () => draw.call(this.sequence, ids, request))
  }

  /** A new session that holds the same tokens. */
  async fork(): Promise<Session> {
    return new Session(await this.sequence.fork(), this.ids)
  }

  /** Frees the sequence. */
  dispose(): void {
    if (this.#state === 'disposed') return
    this.#state = 'disposed'
    this.sequence.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  async #run<T>(ids: readonly number[], pass: () => Promise<T>): Promise<T> {
    for (const id of ids) this.#ids.push(id)
    const result = (async () => pass())()
    this.#idle = result.then(
      () => {},
      () => {},
    )
    return result
  }
}

/**
 * An empty session of a model.
 *
 * @param model the model to run
 * @param options `capacity`: the largest number of tokens. Default: the model's whole context
 */
export const createSession = (model: SequenceModel, { capacity = model.maxSeqLen } = {}): Session =>
  new Session(model.createSequence({ capacity }))

/** Whether the value is a model that can be driven. */
export const isSequenceModel = (value: unknown): value is SequenceModel =>
  typeof value === 'object' && value !== null && typeof (value as Partial<SequenceModel>).createSequence === 'function'
