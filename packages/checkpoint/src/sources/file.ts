import { type FileHandle, open, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SourceError } from '../errors'
import { abortable, localChunkBytes, type Source } from './source'

/** Bytes of one read call. An abort is noticed after at most one call, and each reports progress. */
const pieceBytes = 16 * 2 ** 20

const problem = (error: unknown) => (error instanceof Error ? error.message : String(error))

const openFile = async (path: string): Promise<{ handle: FileHandle; size: number }> => {
  let handle: FileHandle | undefined
  try {
    // Checked before it is opened: opening a pipe would wait for its writer.
    if (!(await stat(path)).isFile()) throw new Error('it is not a regular file')
    handle = await open(path, 'r')
    return { handle, size: (await handle.stat()).size }
  } catch (error) {
    await handle?.close()
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const text = isMissing ? 'does not exist; check the path' : `cannot be opened (${problem(error)}); check the path`
    throw new SourceError({ file: path }, text, { cause: error })
  }
}

/** A file on disk, by its path or `file:` URL, opened for reading only. @throws SourceError */
export const fileSource = async (location: string | URL): Promise<Source> => {
  const path = pathOf(location)
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

/** The path that a location names. @throws SourceError for a `file:` URL that is not a path of this machine */
export const pathOf = (location: string | URL): string => {
  const name = String(location)
  if (!/^file:/i.test(name)) return name
  try {
    return fileURLToPath(name)
  } catch (error) {
    throw new SourceError({ file: name }, `is not the address of a local file (${(error as Error).message})`, {
      cause: error,
    })
  }
}
