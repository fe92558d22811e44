import { resolveObjectURL } from 'node:buffer'
import { Worker } from 'node:worker_threads'

/** Gives a thread of Node the globals that a script of a Web Worker expects. */
const prelude = `
const { parentPort } = require('node:worker_threads')
globalThis.self = globalThis
globalThis.postMessage = message => parentPort.postMessage(message)
parentPort.on('message', data => self.onmessage({ data }))
`

/** The part of a page's Web Worker that jax-js uses, over a thread of Node. */
class WebWorker {
  onmessage: (event: { readonly data: unknown }) => void = () => {}
  onerror: (error: Error) => void = () => {}
  readonly #thread: Promise<Worker>

  /** @param url of a blob, which holds the script */
  constructor(url: string) {
    this.#thread = this.#start(url)
  }

  postMessage(message: unknown): void {
    this.#thread.then(thread => thread.postMessage(message))
  }

  async #start(url: string): Promise<Worker> {
    const script = await resolveObjectURL(url)?.text()
    const thread = new Worker(prelude + script, { eval: true })
    thread.on('message', data => this.onmessage({ data }))
    thread.on('error', error => this.onerror(error))
    thread.unref()
    return thread
  }
}

/** Gives this process the globals by which a library for pages starts this many workers. */
export const installWebWorkers = (threads: number): void => {
  const navigator = { hardwareConcurrency: threads, userAgent: `Node.js/${process.versions.node}` }
  for (const [name, value] of Object.entries({ Worker: WebWorker, navigator }))
    Object.defineProperty(globalThis, name, { value, configurable: true })
}
