import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Progress } from '../checkpoint'
import { SaveError } from '../errors'
import type { OutputFile } from '../output-file'

export interface SaveOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes written, of all files together. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Makes the rename itself durable. Not every platform can sync a folder (Windows cannot open one): then it is not needed. */
const syncFolder = async (folder: string) => {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}

const writeTemporary = async (
  path: string,
  file: OutputFile,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
) => {
  const handle = await open(path, 'wx')
  try {
    for await (const chunk of file.chunks({ signal })) {
      signal?.throwIfAborted()
      await handle.writeFile(chunk)
      onBytes(chunk.length)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Writes files into a folder, which is created if it does not exist. Each file is written under a temporary name and synced, and
 * all are renamed when all are complete, so that a reader never sees half a model. After an error or abort, no file remains.
 * Throws a `SaveError` if the disk is full or cannot be written.
 */
export const saveFiles = async (
  folder: string,
  files: readonly OutputFile[],
  { signal, onProgress }: SaveOptions = {},
): Promise<void> => {
  const total = files.reduce((sum, { size }) => sum + size, 0)
  let loaded = 0
  const onBytes = (bytes: number) => {
    loaded += bytes
    onProgress?.({ loaded, total })
  }
  const suffix = `.${randomBytes(6).toString('hex')}.part`
  const written: { temporary: string; path: string }[] = []
  try {
    await mkdir(folder, { recursive: true })
    for (const file of files) {
      const path = join(folder, file.name)
      written.push({ temporary: path + suffix, path })
      await writeTemporary(path + suffix, file, signal, onBytes)
    }
    for (const { temporary, path } of written) await rename(temporary, path)
    await syncFolder(folder)
  } catch (error) {
    await Promise.all(written.map(({ temporary }) => rm(temporary, { force: true })))
    if (error instanceof Error && 'syscall' in error) {
      throw new SaveError({ file: folder }, `cannot be written (${error.message})`, { cause: error })
    }
    throw error
  }
}

/** Writes one file to a path, as `saveFiles` does. */
export const saveFile = (path: string, file: OutputFile, options?: SaveOptions): Promise<void> => {
  const folder = dirname(path)
  return saveFiles(folder, [{ ...file, name: basename(path) }], options)
}
