// How messages are sent: by a Web Worker in pages, by worker_threads in Node.

type WorkerThreads = typeof import('node:worker_threads')

/** What is used of a `Worker` of `node:worker_threads`: the types of pages do not know that module. */
export interface NodeWorker {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void
  // biome-ignore lint/suspicious/noExplicitAny: each event has arguments of its own
  on(event: string, listener: (...values: any[]) => void): unknown
  // biome-ignore lint/suspicious/noExplicitAny: each event has arguments of its own
  off(event: string, listener: (...values: any[]) => void): unknown
}

/** What is used of a `Worker` of pages: the types of Node do not know it. */
interface WebWorker {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void
  // biome-ignore lint/suspicious/noExplicitAny: each event has a type of its own
  addEventListener(type: string, listener: (event: any) => void, options?: { signal?: AbortSignal }): void
}

/** A worker of the platform: a Web Worker, or a `Worker` of `node:worker_threads`. */
export type PlatformWorker = WebWorker | NodeWorker

/** One end of a connection between two threads. */
export interface Port {
  send(message: unknown, transfer: readonly ArrayBuffer[]): void
  /** Both are called from now on; `onEnd` if the other thread fails or ends. */
  listen(onMessage: (message: unknown) => void, onEnd: (problem: string) => void): void
  /** Stops listening. */
  close(): void
}

/** Loads the Node module without an import that bundlers of pages would follow. */
const workerThreads = (): WorkerThreads | undefined =>
  globalThis.process?.getBuiltinModule?.('node:worker_threads') as WorkerThreads | undefined

const isNodeWorker = (worker: PlatformWorker): worker is NodeWorker => 'on' in worker && typeof worker.on === 'function'

/** The connection to a worker. */
export const portTo = (worker: PlatformWorker): Port =>
  isNodeWorker(worker) ? toNodeWorker(worker) : toWebWorker(worker)

const toWebWorker = (worker: WebWorker): Port => {
  const stop = new AbortController()
  const { signal } = stop
  return {
    send: (message, transfer) => worker.postMessage(message, [...transfer]),
    listen(onMessage, onEnd) {
      worker.addEventListener('message', ({ data }: { readonly data: unknown }) => onMessage(data), { signal })
      // The event of a script that cannot be fetched has no details.
      const failed = ({ message }: { readonly message?: string }) => onEnd(message || 'its script could not be loaded')
      worker.addEventListener('error', failed, { signal })
      worker.addEventListener('messageerror', () => onEnd('a message could not be read'), { signal })
    },
    close: () => stop.abort(),
  }
}

const toNodeWorker = (worker: NodeWorker): Port => {
  let release = () => {}
  return {
    send: (message, transfer) => worker.postMessage(message, [...transfer]),
    listen(onMessage, onEnd) {
      const failed = (error: unknown) => onEnd(error instanceof Error ? error.message : String(error))
      const exited = (code: number) => onEnd(`it ended with code ${code}`)
      worker.on('message', onMessage)
      worker.on('error', failed)
      worker.on('exit', exited)
      release = () => {
        worker.off('message', onMessage)
        worker.off('error', failed)
        worker.off('exit', exited)
      }
    },
    close: () => release(),
  }
}

interface WorkerScope {
  /** Exists in workers only. */
  readonly WorkerGlobalScope: unknown
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  close(): void
}

/** The connection from a worker to the thread that started it; undefined outside of a worker. */
export const portToOwner = (): Port | undefined => {
  const parent = workerThreads()?.parentPort
  if (parent)
    return {
      send: (message, transfer) => parent.postMessage(message, [...transfer]),
      listen: onMessage => void parent.on('message', onMessage),
      close: () => parent.close(),
    }
  // Types of pages do not know what a worker's global scope has.
  const scope = globalThis as unknown as WorkerScope
  if (scope.WorkerGlobalScope === undefined) return undefined
  return {
    send: (message, transfer) => scope.postMessage(message, transfer),
    listen: onMessage => scope.addEventListener('message', ({ data }) => onMessage(data)),
    close: () => scope.close(),
  }
}
