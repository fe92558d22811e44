import { WorkerError } from '../errors'
import type { PlatformWorker } from './ports'

type WorkerThreads = typeof import('node:worker_threads')

/** A worker that serves models, and how to end it. */
export interface StartedWorker {
  readonly worker: PlatformWorker
  end(): Promise<void>
}

/**
 * Starts the package's own worker. Its script is next to this file: bundlers that know `new Worker(new URL(…))` include it.
 * @throws WorkerError where there are no workers
 */
export const startWorker = (): StartedWorker => {
  const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads') as WorkerThreads | undefined
  if (threads) {
    const worker = new threads.Worker(new URL('./worker.js', import.meta.url))
    return { worker, end: async () => void (await worker.terminate()) }
  }
  if (typeof Worker === 'undefined')
    throw new WorkerError('this runtime has no workers: load the model without `worker`')
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'cria' })
  return { worker, end: async () => worker.terminate() }
}
