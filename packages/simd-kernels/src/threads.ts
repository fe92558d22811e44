// Starts threads: worker_threads in Node, Web Workers in a page that is cross-origin isolated.

import type { WasmMemory } from './memory'

/** What a thread needs to join an engine: the compiled kernels, the memory, and its place in it. */
export interface Post {
  /** The compiled kernels, a `WebAssembly.Module`. */
  readonly module: object
  readonly memory: WasmMemory
  readonly control: number
  readonly index: number
  readonly threads: number
}

export interface Thread {
  /** Resolves when the thread has ended, for any reason. */
  readonly ended: Promise<void>
  terminate(): Promise<void>
}

type WorkerThreads = typeof import('node:worker_threads')

/** Node's own modules, without an import that bundlers would follow. */
const nodeModule = <M>(name: string): M | undefined => globalThis.process?.getBuiltinModule?.(name) as M | undefined

/** Processors that threads of this process may use. */
export const processors = (): number =>
  nodeModule<typeof import('node:os')>('node:os')?.availableParallelism() ??
  globalThis.navigator?.hardwareConcurrency ??
  1

/** Why no thread can be started here; undefined if threads can be started. */
export const whyNoThreads = (): string | undefined => {
  if (nodeModule('node:worker_threads')) return undefined
  if (typeof Worker === 'undefined') return 'this runtime has no workers'
  if (!globalThis.crossOriginIsolated)
    return 'the page is not cross-origin isolated (it must be served with the headers COOP: same-origin and COEP: require-corp)'
  return undefined
}

/** Whether this thread may block: the main thread of a page may not. */
export const mayWait = (): boolean => {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1)
    return true
  } catch {
    return false
  }
}

/** The code of a worker, as text, so that it needs no file: it runs the loop of the kernels, which does not return. */
const life = `(post, ready) => {
  const parallel = { now: () => performance.now(), workerLost() {}, growScratch() {} }
  const { exports } = new WebAssembly.Instance(post.module, { env: { memory: post.memory }, parallel })
  exports.attach(post.control, post.index, post.threads, true)
  ready()
  exports.work()
}`

/** Starts a thread and resolves when it is ready. Rejects if the runtime cannot start one. */
export const startThread = async (post: Post): Promise<Thread> => {
  const workerThreads = nodeModule<WorkerThreads>('node:worker_threads')
  return workerThreads ? startNodeThread(workerThreads, post) : startWebWorker(post)
}

const startNodeThread = ({ Worker }: WorkerThreads, post: Post): Promise<Thread> => {
  const source = `const { parentPort, workerData } = require('node:worker_threads')
const live = ${life}
live(workerData, () => parentPort.postMessage('ready'))`
  const worker = new Worker(source, { eval: true, workerData: post, execArgv: [], env: {} })
  const ended = new Promise<void>(resolve => worker.once('exit', () => resolve()))
  const thread = {
    ended,
    terminate: () => {
      void worker.terminate()
      return ended
    },
  }
  return new Promise((resolve, reject) => {
    worker.on('error', reject) // after the start, `ended` reports all failures
    worker.once('exit', code => reject(new Error(`a worker thread ended with code ${code} before it began`)))
    worker.once('message', () => {
      worker.unref() // idle workers do not keep the process alive
      resolve(thread)
    })
  })
}

const startWebWorker = (post: Post): Promise<Thread> => {
  const source = `onmessage = ({ data }) => (${life})(data, () => postMessage('ready'))`
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  const worker = new Worker(url)
  let end = (): void => {}
  const ended = new Promise<void>(resolve => {
    end = resolve
  })
  const thread = {
    ended,
    terminate: () => {
      worker.terminate()
      end()
      return ended
    },
  }
  return new Promise((resolve, reject) => {
    worker.onerror = event => {
      // A worker that a policy forbids fails without a message.
      const cause = event.message ?? 'does the Content-Security-Policy of the page lack "worker-src blob:"?'
      reject(new Error(`a web worker failed: ${cause}`))
      end()
    }
    worker.onmessage = () => {
      URL.revokeObjectURL(url)
      resolve(thread)
    }
    worker.postMessage(post)
  })
}
