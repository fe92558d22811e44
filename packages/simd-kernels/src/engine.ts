import type { Build } from './kernels'
import { Memory } from './memory'
import type { Probed } from './probe'
import type { ThreadPool } from './thread-pool'
import { WeightKernels } from './weight-kernels'

/** Properties of an engine, set when it is opened. */
export interface SimdTraits extends Probed {
  readonly build: Build
  /** Why the calling thread works alone, if more threads were asked for. */
  readonly whyOneThread: string | undefined
}

/**
 * Kernels on one memory. Pointers are bytes from its start, of f32 numbers unless said otherwise, and sizes count elements;
 * they are not checked, so a wrong one corrupts that memory, but nothing outside it. A kernel is complete when its call returns.
 * Results are the same bits for every number of threads.
 */
export class SimdEngine extends WeightKernels implements AsyncDisposable {
  readonly build: Build
  readonly fma: boolean
  readonly #whyOneThread: string | undefined
  readonly #memory: Memory
  readonly #pool: ThreadPool

  /** For {@link openSimd}. */
  constructor(memory: Memory, pool: ThreadPool, traits: SimdTraits) {
    super(pool.kernels, memory, traits.int8Dot)
    this.build = traits.build
    this.fma = traits.fma
    this.#whyOneThread = traits.whyOneThread
    this.#memory = memory
    this.#pool = pool
  }

  /**
   * A new engine with the same options and its own memory, for data that does not fit into this memory. It works at once, on the calling
   * thread alone until its workers have started. Close it separately.
   */
  withNewMemory(): SimdEngine {
    const memory = new Memory(this.#memory.limit)
    const { build, int8Dot, fma } = this
    return new SimdEngine(memory, this.#pool.withNewMemory(memory), {
      build,
      int8Dot,
      fma,
      whyOneThread: this.#whyOneThread,
    })
  }

  /** Threads that work now, including the calling thread. */
  get threads(): number {
    return this.#pool.threads
  }

  /** Why the calling thread works alone, if more threads were asked for. */
  get whyOneThread(): string | undefined {
    return this.#whyOneThread ?? this.#pool.whyOneThread
  }

  /** Bytes that {@link alloc} has allocated and that are not freed, and the engine's own scratch memory. */
  get usedBytes(): number {
    return this.#memory.usedBytes
  }

  /** Bytes of the whole memory, which grows when needed. */
  get memoryBytes(): number {
    return this.#memory.bytes
  }

  /** Bytes to which the memory may grow. */
  get maxBytes(): number {
    return this.#memory.limit
  }

  /** A pointer, a multiple of 64, to `bytes` uninitialised bytes. @throws SimdMemoryError */
  alloc(bytes: number): number {
    return this.#memory.alloc(bytes)
  }

  /** Frees memory of {@link alloc}. @throws RangeError for any other pointer */
  free(pointer: number): void {
    this.#memory.free(pointer)
  }

  /** The memory at `pointer` as numbers, valid until the next {@link alloc} or kernel, which may grow the memory. */
  f32(pointer: number, length: number): Float32Array<ArrayBufferLike> {
    return this.#memory.f32(pointer, length)
  }

  i32(pointer: number, length: number): Int32Array<ArrayBufferLike> {
    return this.#memory.i32(pointer, length)
  }

  /** The memory at `pointer` as bytes, likewise. */
  u8(pointer: number, length: number): Uint8Array<ArrayBufferLike> {
    return this.#memory.u8(pointer, length)
  }

  u32(pointer: number, length: number): Uint32Array<ArrayBufferLike> {
    return this.#memory.u32(pointer, length)
  }

  /** Ends the workers. The memory is freed with the last reference to the engine. */
  async close(): Promise<void> {
    await this.#pool.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
