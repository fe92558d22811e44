import { type FileHandle, open, stat } from 'node:fs/promises'
import { SourceError } from '../errors'
import { abortable } from './abortable'
import { localChunkBytes, type Source } from './source'

/** Bytes of one read call: an abort is noticed after at most one, and progress moves with each. */
const pieceBytes = 16 * 2 ** 20

const problem = (error: unknown) => (error instanceof Error ? error.message : String(error))

const openFile = async (path: string): Promise<{ handle: FileHandle; size: number }> => {
  let handle: FileHandle | undefined
  try {
    // Before it is opened: whoever opens a pipe waits for its writer.
    if (!(await stat(path)).isFile()) throw new Error('it is no regular file')
    handle = await open(path, 'r')
    return { handle, size: (await handle.stat()).size }
  } catch (error) {
    await handle?.close()
    throw new SourceError({ file: path }, `cannot be opened (${problem(error)}); check the path`, { cause: error })
  }
}

/** A source over a file on disk, opened for reading only. */
export const fileSource = async (path: string): Promise<Source> => {
  const { handle, size } = await openFile(path)
  return {
    name: path,
    size,
    chunkBytes: localChunkBytes,
    async read(offset, length, { signal, onBytes, into = new Uint8Array(length) } = {}) {
      for (let done = 0; done < length; ) {
        signal?.throwIfAborted()
        const reading = handle.read(into, done, Math.min(pieceBytes, length - done), offset + done)
        const { bytesRead } = await abortable(reading, signal).catch(error => {
          signal?.throwIfAborted()
          throw new SourceError({ file: path }, `cannot be read at byte ${offset + done} (${problem(error)})`, {
            cause: error,
          })
        })
        if (bytesRead === 0) {
          throw new SourceError(
            { file: path },
            `ended at byte ${offset + done} of ${size}: it changed while being read`,
          )
        }
        done += bytesRead
        onBytes?.(bytesRead)
      }
      return into
    },
    close: () => handle.close(),
  }
}
