import { Allocator } from './allocator'
import { SimdArgumentError } from './errors'

const PAGE = 65_536
/** The largest size of a 32-bit memory: 4 GiB. */
export const MOST_BYTES = 65_536 * PAGE

/** The smallest size to try if the system refuses larger ones. */
const LEAST_BYTES = 2 ** 26

/** What is used of a `WebAssembly.Memory`: the types of WebAssembly belong to pages, and programs of Node may lack them. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

/**
 * A memory that can grow to `bytes`, or to a half, a quarter … of that if the system cannot reserve as much: under a limit
 * of the process (ulimit -v), or on phones.
 */
const reserve = (bytes: number): { memory: WasmMemory; limit: number } => {
  for (let limit = bytes; ; limit /= 2) {
    try {
      // Always shared, with or without threads, so that one build of the kernels serves both.
      return { memory: new WebAssembly.Memory({ initial: 4, maximum: Math.floor(limit / PAGE), shared: true }), limit }
    } catch (error) {
      if (limit / 2 < LEAST_BYTES) throw error
    }
  }
}

/** The memory of an engine, with its allocator. Views are created for each use, because growing replaces the buffer. */
export class Memory {
  readonly memory: WasmMemory
  /** Bytes to which it may grow. */
  readonly limit: number
  readonly #allocator: Allocator

  /** @param most bytes to which it may grow, if the system can reserve them @throws SimdArgumentError */
  constructor(most: number) {
    if (!Number.isInteger(most) || most < 2 ** 20 || most > MOST_BYTES)
      throw new SimdArgumentError(`maxBytes is a whole number from ${2 ** 20} to ${MOST_BYTES} (4 GiB), not ${most}`)
    const { memory, limit } = reserve(most)
    this.memory = memory
    this.limit = limit
    // The first page is for the module's own data.
    this.#allocator = new Allocator(PAGE, this.bytes, Math.floor(limit / PAGE) * PAGE, bytes => this.#growTo(bytes))
  }

  get bytes(): number {
    return this.memory.buffer.byteLength
  }

  get usedBytes(): number {
    return this.#allocator.usedBytes
  }

  alloc(bytes: number): number {
    return this.#allocator.alloc(bytes)
  }

  free(pointer: number): void {
    this.#allocator.free(pointer)
  }

  u8(pointer: number, length: number): Uint8Array<ArrayBufferLike> {
    return new Uint8Array(this.memory.buffer, pointer, length)
  }

  u16(pointer: number, length: number): Uint16Array<ArrayBufferLike> {
    return new Uint16Array(this.memory.buffer, pointer, length)
  }

  i32(pointer: number, length: number): Int32Array<ArrayBufferLike> {
    return new Int32Array(this.memory.buffer, pointer, length)
  }

  u32(pointer: number, length: number): Uint32Array<ArrayBufferLike> {
    return new Uint32Array(this.memory.buffer, pointer, length)
  }

  f32(pointer: number, length: number): Float32Array<ArrayBufferLike> {
    return new Float32Array(this.memory.buffer, pointer, length)
  }

  #growTo(bytes: number): boolean {
    try {
      this.memory.grow(Math.max(0, Math.ceil((bytes - this.bytes) / PAGE)))
      return true
    } catch {
      return false // the system has no more
    }
  }
}
