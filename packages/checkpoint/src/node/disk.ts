import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Checkpoint } from '../checkpoint'
import { SourceError } from '../errors'
import { addedTokensNames, chooseFiles, configName, ggufParts, isCompanion, isPartOfFolder } from '../files'
import { type OpenOptions, openCheckpoint } from '../open'
import { localChunkBytes, type Source } from '../sources/source'

/** The path that a location names. @throws SourceError for a `file:` URL that is not a path of this machine */
const pathOf = (location: string | URL): string => {
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

/** Bytes of one read call. An abort is noticed after at most one call, and each reports progress. */
const pieceBytes = 4 * 2 ** 20

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
        // Awaited even after an abort: the caller may use `into` again once this has ended.
        const reading = handle.read(into, done, Math.min(pieceBytes, length - done), offset + done)
        const { bytesRead } = await reading.catch(error => {
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
        signal?.throwIfAborted()
        onBytes?.(bytesRead)
      }
      return into
    },
    close: () => handle.close(),
  }
}

const isFolder = async (path: string): Promise<boolean> => {
  const info = await stat(path).catch(error => {
    throw new SourceError({ file: path }, 'does not exist; check the path', { cause: error })
  })
  return info.isDirectory()
}

const listFiles = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { withFileTypes: true }))
    .filter(entry => !entry.isDirectory())
    .map(entry => entry.name)
    .sort()

/**
 * The folder of the newest files in a model's folder of the Hugging Face cache (`models--OWNER--NAME`), which has them
 * under `snapshots`; any other folder is itself.
 */
const snapshotOf = async (folder: string): Promise<string> => {
  if (!/^models--/.test(basename(folder))) return folder
  const snapshots = await readdir(join(folder, 'snapshots')).catch(() => [])
  const main = await readFile(join(folder, 'refs', 'main'), 'utf8').catch(() => '')
  const chosen = snapshots.find(name => name === main.trim()) ?? (snapshots.length === 1 ? snapshots[0] : undefined)
  if (chosen !== undefined) return join(folder, 'snapshots', chosen)
  throw new SourceError(
    { file: folder },
    snapshots.length === 0
      ? 'is a folder of the Hugging Face cache without a snapshot; download the model again'
      : `is a folder of the Hugging Face cache with ${snapshots.length} snapshots; name one of ${snapshots.join(', ')}`,
  )
}

const addedTokens: readonly string[] = addedTokensNames

/** The files to open: those of the folder's one model, or the named file with its config, parts and companions. */
const resolve = async (path: string, wantsVocabulary: boolean): Promise<string[]> => {
  const isNamedFolder = await isFolder(path)
  // A whole GGUF file needs nothing beside it.
  if (!isNamedFolder && /\.gguf$/.test(path) && !/-of-\d{5}\.gguf$/.test(path)) return [path]
  const given = isNamedFolder ? path : isPartOfFolder(path) ? dirname(path) : undefined
  const folder = given === undefined ? dirname(path) : await snapshotOf(given)
  const names = await listFiles(folder)
  const isWanted = (name: string) =>
    isCompanion(name) && (wantsVocabulary || !(/^tokenizer\.|^tok\d/.test(name) || addedTokens.includes(name)))
  const companions = names.filter(isWanted)
  if (given !== undefined) {
    const { files } = chooseFiles(
      folder,
      names.filter(name => !isCompanion(name)),
    )
    return [...files, ...companions].map(name => join(folder, name))
  }
  if (path.endsWith('.gguf')) return ggufParts(path).map(name => join(folder, name))
  const config = path.endsWith('.safetensors') && names.includes(configName) ? [configName] : []
  return [path, ...[...config, ...companions].filter(name => name !== basename(path)).map(name => join(folder, name))]
}

/**
 * Opens a model on disk: a GGUF file (or any part of a split one), a llama2.c file, or a folder in Hugging Face's or Meta's
 * layout (or any file of one), also a model's folder in the Hugging Face cache. A `file:` URL is a path too. Files are
 * opened for reading only. Throws as `openCheckpoint`.
 */
export const openPath = async (location: string | URL, options: OpenOptions = {}): Promise<Checkpoint> => {
  const path = pathOf(location)
  const sources: Source[] = []
  try {
    for (const file of await resolve(path, options.vocabulary !== false)) sources.push(await fileSource(file))
  } catch (error) {
    await Promise.all(sources.map(source => source.close()))
    throw error
  }
  return openCheckpoint(sources, options)
}
