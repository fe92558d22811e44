import { Allocator } from './allocator'
import { SimdArgumentError } from './errors'

const PAGE = 65_536
/** What a 32-bit memory can hold: 4 GiB. */
export const MOST_BYTES = 65_536 * PAGE

/** The one memory of an engine, and who lies where in it. Views are made afresh, for growing replaces the buffer. */
export class Memory {
  readonly memory: WebAssembly.Memory
  readonly #allocator: Allocator

  /** `limit`: bytes to which it may grow. @throws SimdArgumentError */
  constructor(readonly limit: number) {
    if (!Number.isInteger(limit) || limit < 2 ** 20 || limit > MOST_BYTES)
      throw new SimdArgumentError(`maxBytes is a whole number from ${2 ** 20} to ${MOST_BYTES} (4 GiB), not ${limit}`)
    const maximum = Math.floor(limit / PAGE)
    // Always shared, with or without threads: the kernels' build then is one and the same.
    this.memory = new WebAssembly.Memory({ initial: 4, maximum: MOST_BYTES / PAGE, shared: true })
    // The first page is for the module's own data.
    this.#allocator = new Allocator(PAGE, this.bytes, maximum * PAGE, bytes => this.#growTo(bytes))
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
