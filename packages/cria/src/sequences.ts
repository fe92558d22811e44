import type { CacheType, CausalModel, KvCache, Sequence } from '@cria/attention-variants'
import { type GreedyRequest, nextTurn, type PassRequest, type SequenceModel, type TokenSequence } from '@cria/sampling'
import { argMax, Steps, type Tensor } from '@cria/tensor'
import { PassSize } from './pass-size'

/** Longest time that a pass holds the event loop, in ms, on devices that compute on the calling thread. */
const HOLD_MS = 12
/** Requests of at most this many tokens run before parts of longer ones. */
const SHORT = 8

/** Tokens that a sequence was asked to run, and what has come of them. */
interface Request {
  readonly sequence: ModelSequence
  readonly ids: readonly number[]
  readonly logits: 'last' | 'all'
  /** Ids that count, where the likeliest one is wanted instead of logits. */
  readonly limit: number | undefined
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

/**
 * Runs sequences of one model. Each is driven by a loop of its own; whatever they ask for at the same time shares passes: single
 * tokens of many sequences, and prompts in parts beside them. How a prompt is cut and what else runs in a pass changes no result.
 */
export class ModelSequences implements SequenceModel {
  readonly maxSeqLen: number
  readonly #passSize: PassSize
  readonly #live = new Set<ModelSequence>()
  readonly #requests = new Set<Request>()
  #cache: KvCache | undefined
  #running = false
  #lastTurn = 0

  constructor(
    readonly model: CausalModel,
    private readonly cacheType: CacheType | undefined,
  ) {
    this.maxSeqLen = model.maxSeqLen
    this.#passSize = new PassSize(model.device)
  }

  createSequence({ capacity }: { readonly capacity: number }): ModelSequence {
    this.#cache ??= this.model.createCache({ dtype: this.cacheType })
    return this.adopt(this.#cache.sequence({ capacity }))
  }

  /** For {@link ModelSequence}: a sequence that runs here. */
  adopt(sequence: Sequence): ModelSequence {
    const made = new ModelSequence(this, sequence)
    this.#live.add(made)
    return made
  }

  /** For {@link ModelSequence}: it ended. The memory of the cache goes with the last one. */
  release(sequence: ModelSequence): void {
    this.#live.delete(sequence)
    if (this.#live.size > 0 || this.#running) return
    this.#cache?.dispose()
    this.#cache = undefined
  }

  /** For {@link ModelSequence}: runs a request in one of the next passes. */
  submit(request: Request): void {
    this.#requests.add(request)
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

  /** What fits into a pass: short requests, then parts of long ones. */
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
      const list = this.model.extend(
        parts.map(({ request, count, outputs }) => ({
          sequence: request.sequence.held,
          ids: request.ids.slice(request.done, request.done + count),
          logits: outputs === 0 ? 'none' : request.logits,
          length: request.length,
        })),
      )
      const logits = await this.#run(new Steps(this.model.device, this.model.steps(list)), parts)
      const rows = logits && (await this.#read(logits, parts))
      this.#finish(parts, starts, rows ?? [])
    } catch (error) {
      for (const [i, { request }] of parts.entries()) {
        request.sequence.truncate(starts[i])
        this.#end(request, () => request.reject(error))
      }
    }
  }

  /** Runs the steps of a pass; where they compute on the calling thread, the event loop gets its turn between them. */
  async #run(steps: Steps<Tensor | undefined>, parts: readonly Part[]): Promise<Tensor | undefined> {
    const { synchronous } = this.model.device
    const tokens = parts.reduce((sum, { count }) => sum + count, 0)
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
        if (parts.every(({ request }) => request.ended)) {
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

  /** Logits, or likeliest ids, of the rows of a pass. */
  async #read(logits: Tensor, parts: readonly Part[]): Promise<readonly (Float32Array | number)[]> {
    using _logits = logits
    const [rows, vocab] = logits.shape
    const asked = parts.filter(({ outputs }) => outputs > 0)
    const { limit } = asked[0].request
    if (limit !== undefined && asked.every(({ request }) => request.limit === limit)) {
      using best = argMax(logits, Math.min(limit, vocab))
      return Array.from(await best.readIntegers())
    }
    const values = await logits.read()
    return Array.from({ length: rows }, (_, row) => values.slice(row * vocab, (row + 1) * vocab))
  }

  #finish(parts: readonly Part[], starts: readonly number[], rows: readonly (Float32Array | number)[]): void {
    let at = 0
    for (const [i, { request, count, outputs }] of parts.entries()) {
      const found = rows.slice(at, at + outputs)
      at += outputs
      if (request.ended) {
        request.sequence.truncate(starts[i])
        continue
      }
      for (const row of found) request.results.push(typeof row === 'number' ? row : chosen(row, request.limit))
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

  /** For {@link ModelSequence}: ends a request at once, also amid a pass. */
  abort(request: Request, reason: unknown): void {
    this.#end(request, () => request.reject(reason))
  }
}

/** The row itself, or its likeliest id below `limit`: for requests of both kinds in one pass. */
const chosen = (row: Float32Array, limit: number | undefined): Float32Array | number => {
  if (limit === undefined) return row
  let best = 0
  for (let id = 0; id < Math.min(limit, row.length); id++) {
    if (Number.isNaN(row[id])) return -1
    if (row[id] > row[best]) best = id
  }
  return row[best] === Number.POSITIVE_INFINITY ? -1 : best
}

/** One sequence of a model, as generation drives it. */
export class ModelSequence implements TokenSequence {
  #disposed = false
  #pending: Request | undefined

  constructor(
    private readonly owner: ModelSequences,
    /** Its tokens in the cache. */
    readonly held: Sequence,
  ) {}

  get length(): number {
    return this.held.length
  }

  get capacity(): number {
    return this.held.capacity
  }

  forward(ids: readonly number[], request: PassRequest = {}): Promise<readonly Float32Array[]> {
    return this.#submit(ids, request, undefined) as Promise<readonly Float32Array[]>
  }

  greedy(ids: readonly number[], request: GreedyRequest = {}): Promise<readonly number[]> {
    const { vocabSize } = this.owner.model
    return this.#submit(ids, request, request.vocabSize ?? vocabSize) as Promise<readonly number[]>
  }

  rewind(length: number): void {
    this.held.rewind(length)
  }

  fork(): ModelSequence {
    return this.owner.adopt(this.held.fork())
  }

  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    if (this.#pending) this.owner.abort(this.#pending, new Error('the sequence was disposed of'))
    this.held.dispose()
    this.owner.release(this)
  }

  /** Forgets tokens of a pass that failed or was aborted. */
  truncate(length: number): void {
    if (this.held.length > length) this.held.rewind(length)
  }

  #submit(ids: readonly number[], { logits = 'last', signal, onProgress }: PassRequest, limit: number | undefined) {
    return new Promise<readonly (Float32Array | number)[]>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => this.owner.abort(request, signal?.reason)
      const settle = () => {
        signal?.removeEventListener('abort', onAbort)
        if (this.#pending === request) this.#pending = undefined
      }
      const request: Request = {
        ...{ sequence: this, ids, logits, limit, onProgress, results: [], done: 0, ended: false },
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
