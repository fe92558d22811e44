import { SourceError } from '../errors'
import { abortable, localChunkBytes, type Source } from './source'

/** Bytes of one read: small enough for steady progress, and large enough that the cost of a call does not matter. */
const pieceBytes = 16 * 2 ** 20

/** A Blob or File, such as one from `<input type="file">`. Nothing is read before it is asked for. */
export const blobSource = (blob: Blob, name = 'name' in blob ? String(blob.name) : 'blob'): Source => ({
  name,
  size: blob.size,
  chunkBytes: localChunkBytes,
  async read(offset, length, { signal, onBytes, into = new Uint8Array(length) } = {}) {
    for (let done = 0; done < length; ) {
      const end = Math.min(done + pieceBytes, length)
      const piece = blob.slice(offset + done, offset + end).arrayBuffer()
      const read = new Uint8Array(
        await abortable(piece, signal).catch(error => {
          signal?.throwIfAborted()
          throw new SourceError({ file: name }, `cannot be read (${error}); choose the file again`, { cause: error })
        }),
      )
      into.set(read, done)
      onBytes?.(read.length)
      done = end
    }
    return into
  },
  close: async () => {},
})
