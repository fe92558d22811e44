import { type SimdEngine, SimdMemoryError } from '@cria/simd-kernels'
import type { Staging } from '../../device'

/** A place in the memory of an engine, which grows when more is asked for. A weight that was read into it is packed from there. */
export class SimdStaging implements Staging {
  #place: Uint8Array | undefined

  /** @param ended called when it is disposed */
  constructor(
    readonly engine: SimdEngine,
    private readonly ended: () => void,
  ) {}

  take(bytes: number): Uint8Array {
    if (!this.#place || this.#place.length < bytes) {
      this.#free()
      try {
        this.#place = this.engine.u8(this.engine.alloc(bytes), bytes)
      } catch (error) {
        if (!(error instanceof SimdMemoryError)) throw error
        return new Uint8Array(bytes)
      }
    }
    return this.#place.subarray(0, bytes)
  }

  /** The address of data in the memory of the engine; undefined if it is in other memory. */
  pointerOf({ buffer, byteOffset }: ArrayBufferView<ArrayBufferLike>): number | undefined {
    return buffer === this.#place?.buffer && byteOffset === this.#place.byteOffset ? byteOffset : undefined
  }

  [Symbol.dispose](): void {
    this.#free()
    this.ended()
  }

  #free(): void {
    if (this.#place) this.engine.free(this.#place.byteOffset)
    this.#place = undefined
  }
}
