// Calls across a worker's boundary: a call has one answer, a stream has many. Each has a number; an abort names it.

type Request =
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly input: unknown }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'next'; readonly id: number }

type Answer =
  | { readonly kind: 'item'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly name: string; readonly message: string }

/** Work that a worker offers: it returns one value, or yields several. */
type Work = (input: never, signal: AbortSignal) => unknown

/** All that a worker offers, by name. */
export type Offer = Readonly<Record<string, Work>>

type InputOf<W extends Work> = Parameters<W> extends [infer Input, ...unknown[]] ? Input : undefined
type ResultOf<W extends Work> = Awaited<ReturnType<W>>
type ItemOf<W extends Work> = ResultOf<W> extends AsyncIterable<infer Item, unknown, unknown> ? Item : never
type EndOf<W extends Work> = ResultOf<W> extends AsyncGenerator<unknown, infer End, unknown> ? End : undefined

const isStream = (value: unknown): value is AsyncIterator<unknown> & AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value

/** In a worker: answers calls by these names until the page ends the worker. */
export const serve = (offered: Offer): void => {
  const running = new Map<number, { readonly stop: AbortController; items?: AsyncIterator<unknown> }>()
  const answer = (message: Answer) => postMessage(message)
  const fail = (id: number, error: unknown) => {
    running.delete(id)
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    answer({ kind: 'failed', id, name, message })
  }
  const next = async (id: number, items: AsyncIterator<unknown>) => {
    try {
      const { value, done } = await items.next()
      if (done) running.delete(id)
      answer({ kind: done ? 'done' : 'item', id, value })
    } catch (error) {
      fail(id, error)
    }
  }
  addEventListener('message', async ({ data }: MessageEvent<Request>) => {
    const { id, kind } = data
    if (kind === 'abort') return running.get(id)?.stop.abort()
    if (kind === 'next') {
      const items = running.get(id)?.items
      return items && next(id, items)
    }
    const stop = new AbortController()
    running.set(id, { stop })
    try {
      const result = await offered[data.name](data.input as never, stop.signal)
      if (isStream(result)) {
        const items = result[Symbol.asyncIterator]()
        running.set(id, { stop, items })
        return await next(id, items)
      }
      running.delete(id)
      answer({ kind: 'done', id, value: result })
    } catch (error) {
      fail(id, error)
    }
  })
}

interface Pending {
  readonly item: (value: unknown) => void
  readonly done: (value: unknown) => void
  readonly failed: (error: Error) => void
}

/** An error of a worker, with the name and message that it had there. */
const errorOf = (name: string, message: string): Error => {
  const error = new Error(message)
  error.name = name
  return error
}

/** In a page: the worker's work, by name. */
export class Remote<Work extends Offer> {
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  #ids = 0

  constructor(worker: Worker) {
    this.#worker = worker
    worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
      const pending = this.#pending.get(data.id)
      if (!pending) return
      if (data.kind === 'item') return pending.item(data.value)
      this.#pending.delete(data.id)
      if (data.kind === 'done') pending.done(data.value)
      else pending.failed(errorOf(data.name, data.message))
    })
    worker.addEventListener('error', event => {
      this.#fail(new Error(event.message || 'a worker of this page could not start: load the page again'))
    })
  }

  /** Asks for one value. @param transfer memory of the input that is handed over, not copied */
  call<Name extends keyof Work & string>(
    name: Name,
    input: InputOf<Work[Name]>,
    signal?: AbortSignal,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<ResultOf<Work[Name]>> {
    return new Promise((resolve, reject) => {
      const pending = {
        item: () => {},
        done: (value: unknown) => resolve(value as ResultOf<Work[Name]>),
        failed: reject,
      }
      this.#start(name, input, signal, pending, transfer)
    })
  }

  /** Requests a stream: the next item is made when the previous one has been read. Leaving the loop ends the work. */
  async *stream<Name extends keyof Work & string>(
    name: Name,
    input: InputOf<Work[Name]>,
    signal?: AbortSignal,
  ): AsyncGenerator<ItemOf<Work[Name]>, EndOf<Work[Name]>, void> {
    let settle: Pending | undefined
    const answer = () =>
      new Promise<{ readonly done: boolean; readonly value: unknown }>((resolve, reject) => {
        settle = {
          item: value => resolve({ done: false, value }),
          done: value => resolve({ done: true, value }),
          failed: reject,
        }
      })
    let waiting = answer()
    const id = this.#start(name, input, signal, {
      item: value => settle?.item(value),
      done: value => settle?.done(value),
      failed: error => settle?.failed(error),
    })
    let ended = false
    try {
      for (;;) {
        const { done, value } = await waiting.catch(error => {
          ended = true
          throw error
        })
        if (done) {
          ended = true
          return value as EndOf<Work[Name]>
        }
        waiting = answer()
        this.#send({ kind: 'next', id })
        yield value as ItemOf<Work[Name]>
      }
    } finally {
      if (!ended) {
        waiting.catch(() => {})
        this.#send({ kind: 'abort', id })
      }
    }
  }

  #fail(error: Error): void {
    for (const { failed } of this.#pending.values()) failed(error)
    this.#pending.clear()
  }

  #start(
    name: string,
    input: unknown,
    signal: AbortSignal | undefined,
    pending: Pending,
    transfer: readonly ArrayBuffer[] = [],
  ): number {
    const id = ++this.#ids
    this.#pending.set(id, pending)
    signal?.addEventListener('abort', () => this.#send({ kind: 'abort', id }), { once: true })
    this.#send({ kind: 'call', id, name, input }, transfer)
    return id
  }

  #send(request: Request, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, [...transfer])
  }
}
