import type { CacheType, CausalModel, KvCache, Sequence } from '@cria/attention-variants'
import {
  argMax,
  draw,
  type GreedyRequest,
  LogitsError,
  nextTurn,
  type PassRequest,
  type SequenceModel,
  type TokenSequence,
  temperature,
  topP,
} from '@cria/sampling'
import { DeviceLostError, DisposedError, Steps, type Tensor } from '@cria/tensor'
import { type Choice, choose, isSameChoice } from './choice'
import { PassSize } from './pass-size'
import { StepsAhead } from './steps-ahead'

/** Longest time that a pass blocks the event loop, in ms, on devices that compute on the calling thread. */
const HOLD_MS = 12
/** Requests of at most this many tokens run before parts of longer ones. */
const SHORT = 8

/** Tokens that a sequence was asked to run, and the results so far. */
interface Request {
  readonly sequence: ModelSequence
  readonly ids: readonly number[]
  readonly logits: 'last' | 'all'
  /** How an id is chosen, if one is wanted instead of logits. */
  readonly choice: Choice | undefined
  /** Length of the sequence after all of its ids. */
  readonly length: number
  readonly onProgress: ((done: number) => void) | undefined
  readonly results: (Float32Array | number)[]
  done: number
  ended: boolean
  resolve(results: readonly (Float32Array | number)[]): void
  reject(reason: unknown): void
}

/** The part of a request that runs in one pass. */
interface Part {
  readonly request: Request
  readonly count: number
  /** Rows of the pass's logits that belong to it. */
  readonly outputs: number
}

/** Loads a model again on a device opened again, and frees the lost one. */
export type Reload = (lost: CausalModel) => Promise<CausalModel>

/**
 * Runs the sequences of one model. Each sequence has its own loop. Requests that come at the same time share passes: single
 * tokens of many sequences, and parts of prompts. How a prompt is cut, and what else runs in a pass, does not change any result.
 *
 * If the device is lost and the model can be loaded again, it is loaded again, each sequence runs the ids that it held, and
 * the requests continue. A device that is lost again before a pass succeeds is an error.
 */
export class ModelSequences implements SequenceModel {
  readonly maxSeqLen: number
  readonly #passSize: PassSize
  readonly #live = new Set<ModelSequence>()
  readonly #requests = new Set<Request>()
  #cache: KvCache | undefined
  #model: CausalModel
  #running = false
  #lastTurn = 0
  /** The device was lost, and the model is not loaded again yet. */
  #lost = false
  /** The model was loaded again, and no pass has succeeded since. */
  #reloaded = false
  #closed = false

  constructor(
    model: CausalModel,
    private readonly cacheType: CacheType | undefined,
    private readonly reload?: Reload,
  ) {
    this.#model = model
    this.maxSeqLen = model.maxSeqLen
    this.#passSize = new PassSize(model.device)
  }

  /** The model as it is loaded now. */
  get model(): CausalModel {
    return this.#model
  }

  createSequence({ capacity }: { readonly capacity: number }): ModelSequence {
    return this.#adopt(capacity, [], () => this.#room(capacity))
  }

  /** For {@link ModelSequence}: a sequence that holds the same tokens. */
  fork({ capacity, ids, held }: ModelSequence): ModelSequence {
    return this.#adopt(capacity, [...ids], () => held?.fork())
  }

  /** The model was disposed of: its requests end, none is accepted, and it is not loaded again. */
  close(): void {
    this.#closed = true
    for (const sequence of this.#live) sequence.dropAhead()
    for (const request of [...this.#requests]) this.abort(request, modelDisposed())
  }

  #adopt(capacity: number, ids: number[], room: () => Sequence | undefined): ModelSequence {
    if (this.#closed) throw modelDisposed()
    let held: Sequence | undefined
    try {
      held = this.#lost ? undefined : room()
    } catch (error) {
      if (!this.#loses(error)) throw error
    }
    const made = new ModelSequence(this, capacity, ids, held)
    this.#live.add(made)
    return made
  }

  #room(capacity: number): Sequence {
    this.#cache ??= this.#model.createCache({ dtype: this.cacheType })
    return this.#cache.sequence({ capacity })
  }

  /** Whether an error is the loss of a device after which the model can be loaded again. Then all data on the device is invalid. */
  #loses(error: unknown): boolean {
    if (!(error instanceof DeviceLostError) || !this.reload || this.#reloaded || this.#closed) return false
    this.#lost = true
    this.#cache = undefined
    for (const sequence of this.#live) sequence.held = undefined
    return true
  }

  /** Gives a sequence rows on the new device, and runs the ids that it held on the lost one. */
  async #restore(sequence: ModelSequence): Promise<void> {
    if (sequence.held) return
    if (this.#lost) await this.#reload()
    const { capacity, ids } = sequence
    const held = this.#room(capacity)
    try {
      for (let at = 0; at < ids.length; at += this.#passSize.tokens) {
        const part = ids.slice(at, at + this.#passSize.tokens)
        const list = this.#model.extend([{ sequence: held, ids: part, logits: 'none', length: ids.length }])
        await this.#run(new Steps(this.#model.device, this.#model.steps(list)), part.length, () => this.#closed)
      }
      sequence.held = held
    } catch (error) {
      held.dispose()
      throw error
    }
  }

  async #reload(): Promise<void> {
    this.#reloaded = true
    const model = await (this.reload as Reload)(this.#model)
    if (this.#closed) {
      model.dispose()
      await model.device.close()
      throw modelDisposed()
    }
    this.#model = model
    this.#lost = false
  }

  /** For {@link ModelSequence}: the sequence ended. The cache is freed with the last one. */
  release(sequence: ModelSequence): void {
    this.#live.delete(sequence)
    if (this.#live.size > 0 || this.#running) return
    this.#cache?.dispose()
    this.#cache = undefined
  }

  /** For {@link ModelSequence}: runs a request in one of the next passes. */
  submit(request: Request): void {
    if (this.#closed) this.abort(request, modelDisposed())
    else this.#requests.add(request)
    if (!this.#running) void this.#work()
  }

  async #work(): Promise<void> {
    this.#running = true
    try {
      while (this.#requests.size > 0) {
        // Let the other sequences ask for their tokens first, so that one pass serves all.
        if (this.#live.size > 1) await this.#turn()
        const parts = this.#nextParts()
        if (parts.length > 0) await this.#pass(parts)
      }
    } finally {
      this.#running = false
      if (this.#live.size === 0) {
        this.#cache?.dispose()
        this.#cache = undefined
      }
    }
  }

  /** Chooses what runs in the next pass: short requests, then parts of long ones. */
  #nextParts(): readonly Part[] {
    const parts: Part[] = []
    let room = this.#passSize.tokens
    const left = (request: Request) => request.ids.length - request.done
    const add = (request: Request) => {
      const count = Math.min(left(request), room)
      if (count === 0) return
      const isLast = count === left(request)
      parts.push({ request, count, outputs: request.logits === 'all' ? count : isLast ? 1 : 0 })
      room -= count
    }
    for (const request of this.#requests) if (left(request) <= SHORT) add(request)
    for (const request of this.#requests) if (left(request) > SHORT) add(request)
    return parts
  }

  async #pass(parts: readonly Part[]): Promise<void> {
    const starts = parts.map(({ request }) => request.sequence.length)
    try {
      for (const { request } of parts) await this.#restore(request.sequence)
      const wanted = parts.filter(({ request }) => !request.ended)
      if (wanted.length === 0) return
      const rows = this.#isStep(wanted) ? await this.#step(wanted[0].request) : await this.#compute(wanted)
      if (rows) this.#reloaded = false
      this.#finish(wanted, rows ?? [])
    } catch (error) {
      for (const [i, { request }] of parts.entries()) request.sequence.truncate(starts[i])
      // The requests stay in the queue and run again.
      if (this.#loses(error)) return
      for (const { request } of parts) this.#end(request, () => request.reject(error))
    }
  }

  /** Whether a pass is a step of one sequence that gives an id, on a device that gains by steps ahead. */
  #isStep(parts: readonly Part[]): boolean {
    const [{ request }] = parts
    const givesId = request.choice !== undefined && request.ids.length === 1
    return parts.length === 1 && givesId && this.model.device.stepsAhead > 0
  }

  async #step({ sequence, ids, choice }: Request): Promise<readonly number[]> {
    const found = sequence.step(this.model, ids[0], choice as Choice)
    sequence.ids.push(ids[0])
    return [await found]
  }

  /** Logits, or likeliest ids, of the rows of a pass; undefined if nobody wants them any more. */
  async #compute(parts: readonly Part[]): Promise<readonly (Float32Array | number)[] | undefined> {
    for (const { request } of parts) request.sequence.dropAhead()
    const list = this.model.extend(
      parts.map(({ request, count, outputs }) => ({
        sequence: request.sequence.held as Sequence,
        ids: request.ids.slice(request.done, request.done + count),
        logits: outputs === 0 ? 'none' : request.logits,
        length: request.length,
      })),
    )
    for (const { request, count } of parts)
      request.sequence.ids.push(...request.ids.slice(request.done, request.done + count))
    const tokens = parts.reduce((sum, { count }) => sum + count, 0)
    const unwanted = () => parts.every(({ request }) => request.ended)
    const logits = await this.#run(new Steps(this.model.device, this.model.steps(list)), tokens, unwanted)
    return logits && (await this.#read(logits, parts))
  }

  /** Runs the steps of a pass. If they compute on the calling thread, the event loop runs between them. */
  async #run(steps: Steps<Tensor | undefined>, tokens: number, unwanted: () => boolean): Promise<Tensor | undefined> {
    const { synchronous } = this.model.device
    let longest = 0
    for (;;) {
      const start = performance.now()
      const { done, value } = steps.next()
      longest = Math.max(longest, performance.now() - start)
      if (done) {
        if (synchronous) this.#passSize.measured(tokens, longest)
        return value as Tensor | undefined
      }
      if (synchronous && performance.now() - this.#lastTurn > HOLD_MS) {
        await this.#turn()
        if (unwanted()) {
          steps.stop()
          return undefined
        }
      }
    }
  }

  async #turn(): Promise<void> {
    await nextTurn()
    this.#lastTurn = performance.now()
  }

  async #read(logits: Tensor, parts: readonly Part[]): Promise<readonly (Float32Array | number)[]> {
    using _logits = logits
    const [rows, vocab] = logits.shape
    const asked = parts.filter(({ outputs }) => outputs > 0)
    const { choice } = asked[0].request
    if (choice && asked.every(({ request }) => request.choice && isSameChoice(request.choice, choice))) {
      const numbers = asked.flatMap(({ request, outputs }) => Array.from({ length: outputs }, () => numberOf(request)))
      using chosen = choose(logits, choice, numbers)
      return Array.from(await chosen.readIntegers())
    }
    const values = await logits.read()
    return Array.from({ length: rows }, (_, row) => values.slice(row * vocab, (row + 1) * vocab))
  }

  #finish(parts: readonly Part[], rows: readonly (Float32Array | number)[]): void {
    let at = 0
    for (const { request, count, outputs } of parts) {
      const found = rows.slice(at, at + outputs)
      at += outputs
      if (request.ended) continue
      for (const row of found) request.results.push(typeof row === 'number' ? row : chosen(row, request))
      request.done += count
      request.onProgress?.(request.done)
      if (request.done === request.ids.length) this.#end(request, () => request.resolve(request.results))
    }
  }

  #end(request: Request, tell: () => void): void {
    this.#requests.delete(request)
    if (request.ended) return
    request.ended = true
    tell()
  }

  /** For {@link ModelSequence}: ends a request at once, even during a pass, whose tokens are removed. */
  abort(request: Request, reason: unknown): void {
    request.sequence.truncate(request.length - request.ids.length + request.done)
    this.#end(request, () => request.reject(reason))
  }
}

const modelDisposed = () => new DisposedError('the model was disposed of: load it again')

/** The number that an id is drawn with: the first of the request. */
const numberOf = ({ choice }: Request): number => choice?.nucleus?.random() ?? 0

/** The row itself, or the id that is chosen from it: one pass can have requests of several kinds. */
const chosen = (row: Float32Array, { choice }: Request): Float32Array | number => {
  if (!choice) return row
  const logits = row.subarray(0, choice.limit)
  const { nucleus } = choice
  try {
    return nucleus
      ? draw(topP(nucleus.topP)(temperature(nucleus.temperature)(logits, []), []), nucleus.random)
      : argMax(logits)
  } catch (error) {
    if (error instanceof LogitsError) return -1
    throw error
  }
}

/** One sequence of a model, as generation drives it. */
export class ModelSequence implements TokenSequence {
  #disposed = false
  #pending: Request | undefined
  #held: Sequence | undefined
  #ahead: StepsAhead | undefined

  constructor(
    private readonly owner: ModelSequences,
    readonly capacity: number,
    /** Its tokens. */
    readonly ids: number[],
    held: Sequence | undefined,
  ) {
    this.held = held
  }

  /** The keys and values of its tokens in the cache; undefined from the loss of a device to the next pass. */
  get held(): Sequence | undefined {
    return this.#held
  }

  set held(held: Sequence | undefined) {
    this.dropAhead()
    this.#held = held
    this.#ahead = held && new StepsAhead(held)
  }

  get length(): number {
    return this.ids.length
  }

  forward(ids: readonly number[], request: PassRequest = {}): Promise<readonly Float32Array[]> {
    return this.#submit(ids, request, undefined) as Promise<readonly Float32Array[]>
  }

  greedy(ids: readonly number[], request: GreedyRequest = {}): Promise<readonly number[]> {
    return this.#submit(ids, request, { limit: this.#limitOf(request) }) as Promise<readonly number[]>
  }

  /** Undefined where the device gains nothing: logits are then read, and the id is drawn in f64. */
  get draw(): TokenSequence['draw'] {
    if (this.owner.model.device.stepsAhead === 0) return undefined
    return (ids, request) => {
      const { temperature, topP, random } = request
      const choice = { limit: this.#limitOf(request), nucleus: { temperature, topP, random } }
      return this.#submit(ids, request, choice) as Promise<readonly number[]>
    }
  }

  /** @throws RangeError */
  rewind(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.length)
      throw new RangeError(`cannot rewind to ${length} tokens: the sequence holds ${this.length}`)
    this.dropAhead()
    this.held?.rewind(length)
    this.ids.length = length
  }

  fork(): ModelSequence {
    this.dropAhead()
    return this.owner.fork(this)
  }

  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    if (this.#pending) this.owner.abort(this.#pending, new Error('the sequence was disposed of'))
    this.dropAhead()
    this.held?.dispose()
    this.owner.release(this)
  }

  /** For {@link ModelSequences}: the id chosen after one more token, which the caller adds to its ids. See {@link StepsAhead}. */
  step(model: CausalModel, id: number, choice: Choice): Promise<number> {
    return (this.#ahead as StepsAhead).next(model, id, choice)
  }

  /** For {@link ModelSequences}: it holds only its own tokens. */
  dropAhead(): void {
    this.#ahead?.drop()
  }

  /** Removes the tokens of a pass that failed or was aborted. */
  truncate(length: number): void {
    this.dropAhead()
    if (this.held && this.held.length > length) this.held.rewind(length)
    if (this.length > length) this.ids.length = length
  }

  #limitOf({ vocabSize = Number.POSITIVE_INFINITY }: GreedyRequest): number {
    return Math.min(vocabSize, this.owner.model.vocabSize)
  }

  #submit(ids: readonly number[], { logits = 'last', signal, onProgress }: PassRequest, choice: Choice | undefined) {
    return new Promise<readonly (Float32Array | number)[]>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => this.owner.abort(request, signal?.reason)
      const settle = () => {
        signal?.removeEventListener('abort', onAbort)
        if (this.#pending === request) this.#pending = undefined
      }
      const request: Request = {
        ...{ sequence: this, ids, logits, choice, onProgress, results: [], done: 0, ended: false },
        length: this.length + ids.length,
        resolve: results => {
          settle()
          resolve(results)
        },
        reject: reason => {
          settle()
          reject(reason)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#pending = request
      this.owner.submit(request)
    })
  }
}
