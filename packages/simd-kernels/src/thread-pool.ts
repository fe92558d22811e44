import { WorkerLostError } from './errors'
import { instantiate, type Kernels } from './kernels'
import type { Memory } from './memory'
import { mayWait, startThread, type Thread } from './threads'

/** After this many restarts an engine stays with one thread: something keeps ending its workers. */
const MOST_RESTARTS = 16

/** Workers that were started together, and the memory that they share: a control block and scratch memory. */
interface Generation {
  readonly control: number
  readonly threads: readonly Thread[]
  scratch: number[]
}

/**
 * The threads of an engine: the calling thread, and workers. When a worker is lost, its whole generation is stopped. The memory of a
 * generation is freed only after its last thread has ended, because until then a thread may still write to it.
 */
export class ThreadPool {
  readonly kernels: Kernels
  #generation: Generation
  #restarts = 0
  #stopped = false
  #whyOneThread: string | undefined

  private constructor(
    private readonly module: object,
    private readonly memory: Memory,
    private readonly wanted: number,
  ) {
    this.kernels = instantiate(module, memory.memory, {
      now: () => performance.now(),
      workerLost: () => this.#lost(),
      growScratch: (shared, own) => this.#growScratch(shared, own),
    })
    this.#generation = { control: this.#controlBlock(), threads: [], scratch: [] }
    this.#attach(this.#generation)
  }

  /** Binds the calling thread to the kernels and starts `threads - 1` workers, or says why they do not start. */
  static async start(module: object, memory: Memory, threads: number): Promise<ThreadPool> {
    const pool = new ThreadPool(module, memory, threads)
    await pool.#startWorkers()
    return pool
  }

  /** A pool with as many threads on another memory. Until its workers have started, the calling thread works alone. */
  withNewMemory(memory: Memory): ThreadPool {
    const pool = new ThreadPool(this.module, memory, this.wanted)
    void pool.#startWorkers()
    return pool
  }

  /** Threads that work now. */
  get threads(): number {
    return this.#generation.threads.length + 1
  }

  /** Why the calling thread works alone: workers could not be started, or were lost too often. */
  get whyOneThread(): string | undefined {
    return this.#whyOneThread
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#stopThreads(this.#generation)
  }

  async #startWorkers(): Promise<void> {
    if (this.wanted === 1) return
    const control = this.#controlBlock()
    const { module, wanted } = this
    const started = await Promise.allSettled(
      Array.from({ length: wanted - 1 }, (_, i) =>
        startThread({ module, memory: this.memory.memory, control, index: i + 1, threads: wanted }),
      ),
    )
    const threads = started.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    const generation: Generation = { control, threads, scratch: [] }
    const failure = started.find(result => result.status === 'rejected')
    if (failure || this.#stopped) {
      if (failure) this.#whyOneThread = `no worker could be started: ${failure.reason.message}`
      return this.#stopThreads(generation)
    }
    void this.#stopThreads(this.#generation)
    this.#generation = generation
    this.#attach(generation)
    for (const thread of threads) void thread.ended.then(() => this.#generation === generation && this.#replace())
  }

  /** A kernel waits for a worker that is gone. */
  #lost(): never {
    this.#replace()
    throw new WorkerLostError()
  }

  /** Stops the current workers, continues with the calling thread alone, and starts new workers. */
  #replace(): void {
    if (this.#stopped) return
    const old = this.#generation
    this.#generation = { control: this.#controlBlock(), threads: [], scratch: [] }
    this.#attach(this.#generation)
    void this.#stopThreads(old)
    if (++this.#restarts > MOST_RESTARTS) this.#whyOneThread = `workers ended ${this.#restarts} times`
    else void this.#startWorkers()
  }

  async #stopThreads({ control, threads, scratch }: Generation): Promise<void> {
    await Promise.all(threads.map(thread => thread.terminate()))
    for (const pointer of [control, ...scratch]) this.memory.free(pointer)
  }

  #attach({ control, threads }: Generation): void {
    this.kernels.attach(control, 0, threads.length + 1, mayWait())
  }

  #controlBlock(): number {
    const bytes = this.kernels.controlBytes(this.wanted)
    const pointer = this.memory.alloc(bytes)
    this.memory.u8(pointer, bytes).fill(0)
    return pointer
  }

  /** Called by a kernel, between jobs: no worker reads the old scratch memory any more. */
  #growScratch(sharedBytes: number, privateBytes: number): void {
    const generation = this.#generation
    for (const pointer of generation.scratch) this.memory.free(pointer)
    generation.scratch = []
    this.kernels.setScratch(0, 0, 0, 0) // no scratch memory, in case the allocation below fails
    const [shared, own] = [sharedBytes, privateBytes].map(bytes => Math.ceil((bytes >>> 0) / 64) * 64)
    for (const bytes of [shared, own * this.threads]) generation.scratch.push(this.memory.alloc(bytes))
    this.kernels.setScratch(generation.scratch[0], shared, generation.scratch[1], own)
  }
}
