import { localChunkBytes, type Source } from './source'

/** A source over bytes in memory. Reads copy, so that no caller can change another's bytes. */
export const memorySource = (bytes: Uint8Array, name = 'memory'): Source => ({
  name,
  size: bytes.length,
  chunkBytes: localChunkBytes,
  async read(offset, length, { signal, onBytes, into = new Uint8Array(length) } = {}) {
    signal?.throwIfAborted()
    into.set(bytes.subarray(offset, offset + length))
    onBytes?.(length)
    return into
  },
  close: async () => {},
})
