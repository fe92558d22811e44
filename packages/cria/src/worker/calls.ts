import { WorkerError } from '../errors'
import { receivedError, type SentError, sentError } from './errors'
import type { Port } from './ports'

// Calls between two threads. Each call has a number, which aborts and answers repeat. What one side sends within one turn
// of its event loop is sent as one message, so that calls made together arrive together.

type Message =
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly input: unknown }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'progress'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: SentError }

/** Collects messages, and the memory that they transfer. */
class Outbox {
  #messages: Message[] = []
  #transfer: ArrayBuffer[] = []

  constructor(private readonly port: Port) {}

  put(message: Message, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#messages.length === 0) queueMicrotask(() => this.#flush())
    this.#messages.push(message)
    this.#transfer.push(...transfer)
  }

  #flush(): void {
    const messages = this.#messages
    const transfer = this.#transfer
    this.#messages = []
    this.#transfer = []
    this.port.send(messages, transfer)
  }
}

/** A value whose memory is transferred, not copied. */
export class Transferred<Value> {
  constructor(
    readonly value: Value,
    readonly buffers: readonly ArrayBuffer[],
  ) {}
}

/** The function that answers a call. */
export type Work<Input, Result> = (
  input: Input,
  call: { readonly signal: AbortSignal; readonly progress: (value: unknown) => void },
) => Promise<Result | Transferred<Result>> | Result | Transferred<Result>

/** The calls that a side answers, by name. */
// biome-ignore lint/suspicious/noExplicitAny: each call has types of its own
export type Offer = Readonly<Record<string, Work<any, any>>>

type InputOf<W> = W extends Work<infer Input, unknown> ? Input : never
type ResultOf<W> = W extends (...args: never[]) => infer Result ? Plain<Awaited<Result>> : never
type Plain<Result> = Result extends Transferred<infer Value> ? Value : Result

/** Answers calls that come through a port. */
export const answerCalls = (port: Port, offer: Offer): void => {
  const outbox = new Outbox(port)
  const running = new Map<number, AbortController>()
  const answer = async (id: number, name: string, input: unknown) => {
    const stop = new AbortController()
    running.set(id, stop)
    const progress = (value: unknown) => outbox.put({ kind: 'progress', id, value })
    try {
      const result = await offer[name](input, { signal: stop.signal, progress })
      if (result instanceof Transferred) outbox.put({ kind: 'done', id, value: result.value }, result.buffers)
      else outbox.put({ kind: 'done', id, value: result })
    } catch (error) {
      outbox.put({ kind: 'failed', id, error: sentError(error) })
    } finally {
      running.delete(id)
    }
  }
  port.listen(
    messages => {
      for (const message of messages as readonly Message[]) {
        if (message.kind === 'call') void answer(message.id, message.name, message.input)
        else if (message.kind === 'abort') running.get(message.id)?.abort()
      }
    },
    () => {},
  )
}

interface Pending {
  readonly progress: (value: never) => void
  resolve(value: unknown): void
  reject(error: unknown): void
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((value: never) => void) | undefined
}

/** Calls functions of the other side. */
export class Caller<O extends Offer> {
  readonly #outbox: Outbox
  readonly #pending = new Map<number, Pending>()
  #ended: WorkerError | undefined
  #ids = 0

  constructor(private readonly port: Port) {
    this.#outbox = new Outbox(port)
    port.listen(
      messages => {
        for (const message of messages as readonly Message[]) this.#receive(message)
      },
      problem => this.end(`the worker of the model failed: ${problem}. Load the model again`),
    )
  }

  /** Whether the other side is gone. */
  get ended(): boolean {
    return this.#ended !== undefined
  }

  /**
   * @throws what the other side threw; the reason of the signal once that has aborted
   * @throws WorkerError if the other side ends
   */
  async call<Name extends keyof O & string>(
    name: Name,
    input: InputOf<O[Name]>,
    { signal, onProgress = () => {} }: CallOptions = {},
  ): Promise<ResultOf<O[Name]>> {
    signal?.throwIfAborted()
    if (this.#ended) throw this.#ended
    const id = ++this.#ids
    const abort = () => this.#outbox.put({ kind: 'abort', id })
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(id, { progress: onProgress, resolve: resolve as Pending['resolve'], reject })
        this.#outbox.put({ kind: 'call', id, name, input })
      })
    } catch (error) {
      // The reason itself, not a copy of it.
      throw signal?.aborted ? signal.reason : error
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#pending.delete(id)
    }
  }

  /** Rejects all calls, those that wait and those to come. */
  end(problem: string): void {
    if (this.#ended) return
    this.#ended = new WorkerError(problem)
    this.port.close()
    for (const { reject } of this.#pending.values()) reject(this.#ended)
  }

  #receive(message: Message): void {
    const pending = this.#pending.get(message.id)
    if (!pending) return
    if (message.kind === 'progress') pending.progress(message.value as never)
    else if (message.kind === 'done') pending.resolve(message.value)
    else if (message.kind === 'failed') pending.reject(receivedError(message.error))
  }
}
