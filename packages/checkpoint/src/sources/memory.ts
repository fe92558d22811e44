import { localChunkBytes, type Source } from './source'

/** Bytes in memory. Each read is a copy, so that callers cannot change each other's bytes. */
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
