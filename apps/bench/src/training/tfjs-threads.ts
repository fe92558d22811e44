import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { packageFolder } from '../peers'
import type { Tfjs } from './tfjs'

/** The part of the wasm backend's package that is used. */
export interface TfjsWasm {
  readonly default: { setThreadsCount(count: number): void; getThreadsCount(): number }
}

/**
 * Switches the threads of the wasm backend on. TensorFlow.js leaves them off in Node: it gives a thread its script as a blob, which Node cannot
 * load. The same scripts lie in its package as files.
 */
export const enableThreads = (tf: Tfjs, { default: wasm }: TfjsWasm, threads: number): void => {
  const file = (name: string) =>
    join(packageFolder('@tensorflow/tfjs-backend-wasm'), 'wasm-out', `tfjs-backend-wasm-threaded-simd.${name}`)
  const { wasmWorkerContents } = createRequire(import.meta.url)(file('worker.js'))
  const script = `
    globalThis.__filename = ''
    URL.createObjectURL = () => ${JSON.stringify(file('js'))}
    ${wasmWorkerContents.replaceAll('\n', '\\n')}` // its strings have lost the escapes of their ends of lines
  class Thread extends Worker {
    constructor() {
      super(script, { eval: true })
    }
  }
  // The backend sets the global to Node's own class.
  Object.defineProperty(globalThis, 'Worker', { get: () => Thread, set: () => {}, configurable: true })
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', true)
  wasm.setThreadsCount(threads)
}
