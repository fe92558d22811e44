import type { Crew } from './crew'
import type { Build, Kernels } from './kernels'
import { Memory } from './memory'
import type { Int8Dot, Probed } from './probe'
import { TrainingKernels } from './training-kernels'
import { f16Factor, packWeight, quantisation, type Weight, type WeightData } from './weights'

/** What an engine was opened with, for those who look. */
export interface SimdTraits extends Probed {
  readonly build: Build
  /** Why the calling thread works alone, where it does so not by choice. */
  readonly whyOneThread: string | undefined
}

/** How the right side of a matrix product lies in memory: numbers that assembly/matmul.ts names. */
const COLUMNS_F32 = 0
const ROWS_F32 = 1
const ROWS_F16 = 2

/**
 * Kernels on one memory. Pointers are bytes from its start, of f32 numbers unless said otherwise, and sizes count elements;
 * they are trusted, so a wrong one corrupts that memory, but nothing outside it. A kernel has ended when its call returns.
 * Results are the same bits for every number of threads.
 */
export class SimdEngine extends TrainingKernels implements AsyncDisposable {
  readonly build: Build
  readonly int8Dot: Int8Dot
  readonly fma: boolean
  readonly #whyOneThread: string | undefined
  readonly #memory: Memory
  readonly #crew: Crew
  readonly #kernels: Kernels

  /** For {@link openSimd}. */
  constructor(memory: Memory, crew: Crew, traits: SimdTraits) {
    super(crew.kernels, memory)
    this.build = traits.build
    this.int8Dot = traits.int8Dot
    this.fma = traits.fma
    this.#whyOneThread = traits.whyOneThread
    this.#memory = memory
    this.#crew = crew
    this.#kernels = crew.kernels
  }

  /**
   * An engine like this one with a memory of its own, for what does not fit into this memory. It works at once, on the calling
   * thread alone until its workers have started. It is closed by itself.
   */
  another(): SimdEngine {
    const memory = new Memory(this.#memory.limit)
    const { build, int8Dot, fma } = this
    return new SimdEngine(memory, this.#crew.another(memory), {
      build,
      int8Dot,
      fma,
      whyOneThread: this.#whyOneThread,
    })
  }

  /** Threads that work now, the calling one among them. */
  get threads(): number {
    return this.#crew.threads
  }

  /** Why the calling thread works alone, where it does so not by choice. */
  get whyOneThread(): string | undefined {
    return this.#whyOneThread ?? this.#crew.whyAlone
  }

  /** Bytes that {@link alloc} has handed out and not got back, and the engine's own scratch memory. */
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

  /** A pointer, a multiple of 64, to `bytes` bytes, whatever they hold. @throws SimdMemoryError */
  alloc(bytes: number): number {
    return this.#memory.alloc(bytes)
  }

  /** Gives back what {@link alloc} gave. @throws RangeError for any other pointer */
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

  /** Copies a weight in, in the order in which {@link linear} reads it. @throws SimdArgumentError @throws SimdMemoryError */
  packWeight(weight: WeightData): Weight {
    return packWeight(this.#kernels, this.#memory, this.int8Dot, weight)
  }

  /**
   * out [rows, weight.out] = x [rows, weight.in] · weightᵀ. For q8_0 and q4_0 x is quantised in blocks of 32, each with an
   * f32 scale, to int8, or to int16 where products are of 16 bits.
   */
  linear(x: number, weight: Weight, out: number, rows: number): void {
    const { dtype, pointer } = weight
    if (dtype === 'f32' || dtype === 'f16') {
      const layout = dtype === 'f32' ? ROWS_F32 : ROWS_F16
      this.#kernels.matmul(x, pointer, out, rows, weight.out, weight.in, false, layout, f16Factor(weight))
    } else {
      const { bits, zero, product } = quantisation(dtype, this.int8Dot)
      this.#kernels.linear(x, pointer, out, rows, weight.out, weight.in, bits, zero, product, f16Factor(weight))
    }
  }

  /** Rows `ids` (u32, below weight.out) of a weight: out [count, weight.in]. */
  embedding(weight: Weight, ids: number, out: number, count: number): void {
    const { dtype, pointer } = weight
    if (dtype === 'f32' || dtype === 'f16')
      this.#kernels.embedding(pointer, ids, out, count, weight.in, dtype === 'f16', f16Factor(weight))
    else {
      const { bits, zero, widen } = quantisation(dtype, this.int8Dot)
      this.#kernels.quantizedEmbedding(pointer, ids, out, count, weight.in, bits, zero, widen, f16Factor(weight))
    }
  }

  /** out [m, n] = a · b; a is [m, k], transposed [k, m]; b is [k, n], transposed [n, k]. */
  matmul(
    a: number,
    b: number,
    out: number,
    size: { readonly m: number; readonly n: number; readonly k: number },
    transpose: { readonly a?: boolean; readonly b?: boolean } = {},
  ): void {
    const layout = transpose.b ? ROWS_F32 : COLUMNS_F32
    this.#kernels.matmul(a, b, out, size.m, size.n, size.k, transpose.a ?? false, layout, 1)
  }

  /** Ends the workers. The memory goes with the last reference to the engine. */
  async close(): Promise<void> {
    await this.#crew.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
