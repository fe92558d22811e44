import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import type { FileFormat, SourceFiles } from '../config'
import { decompressed } from '../documents/decompress'
import { jsonlDocuments } from '../documents/jsonl'
import { parquetDocuments } from '../documents/parquet'
import { textDocuments } from '../documents/text'
import { DocumentError, MixtureConfigError } from '../errors'
import { findFiles } from './find-files'
import { gunzip } from './gunzip'

export interface ReadOptions {
  /** The folder that relative paths start from. Default: the working directory. */
  readonly base?: string | undefined
  readonly signal?: AbortSignal | undefined
}

const formatOf = (path: string): FileFormat => {
  const name = path.toLowerCase().replace(/\.(gz|zst)$/, '')
  if (/\.(jsonl|ndjson|json)$/.test(name)) return 'jsonl'
  return name.endsWith('.parquet') ? 'parquet' : 'text'
}

/**
 * The files of a source, with the format of each.
 *
 * @throws DocumentError if a path or pattern finds no file
 * @throws MixtureConfigError if a field or separator is given and no file has such a thing
 */
export const filesOfSource = async (
  { files, format, field, separator }: SourceFiles,
  base = process.cwd(),
): Promise<{ readonly path: string; readonly format: FileFormat }[]> => {
  const found = (await findFiles(files, base)).map(path => ({ path, format: format ?? formatOf(path) }))
  if (field !== undefined && found.every(({ format }) => format === 'text')) {
    throw new MixtureConfigError('field', `${field}: text files have no fields; leave it out, or set format to jsonl`)
  }
  if (separator !== undefined && !found.some(({ format }) => format === 'text')) {
    throw new MixtureConfigError('separator', `${separator}: no file is text; leave it out, or set format to text`)
  }
  return found
}

/**
 * The documents of some files, in order. Text and JSON lines may be compressed by gzip or zstd.
 *
 * @throws DocumentError if a file is missing, damaged, not UTF-8, or not of its format
 * @throws MixtureConfigError if a field or separator is given and no file has such a thing
 */
export async function* readDocuments(source: SourceFiles, { base, signal }: ReadOptions = {}): AsyncGenerator<string> {
  for (const { path, format } of await filesOfSource(source, base)) {
    if (format === 'parquet') yield* readParquet(path, source.field, signal)
    else if (format === 'jsonl') yield* jsonlDocuments(readBytes(path, signal), { file: path, field: source.field })
    else yield* textDocuments(readBytes(path, signal), { file: path, separator: source.separator })
  }
}

const cannotRead = (path: string, error: unknown): unknown =>
  error instanceof Error && 'syscall' in error
    ? new DocumentError(path, `it cannot be read (${error.message})`, { cause: error })
    : error

async function* fileBytes(path: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { signal, highWaterMark: 1 << 18 })
  } catch (error) {
    signal?.throwIfAborted()
    throw cannotRead(path, error)
  }
}

const readBytes = (path: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> =>
  decompressed(fileBytes(path, signal), path, { gunzip })

async function* readParquet(path: string, field: string | undefined, signal?: AbortSignal): AsyncGenerator<string> {
  const handle = await open(path, 'r').catch(error => {
    throw cannotRead(path, error)
  })
  try {
    const { size } = await handle.stat()
    const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
      signal?.throwIfAborted()
      if (!(start >= 0 && start <= end && end <= size)) {
        throw new DocumentError(path, `it points at bytes ${start} to ${end} of ${size}: it is damaged, fetch it again`)
      }
      const bytes = new Uint8Array(end - start)
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done)
        if (bytesRead === 0) throw new DocumentError(path, 'it was cut short while it was read')
        done += bytesRead
      }
      return bytes.buffer
    }
    yield* parquetDocuments({ byteLength: size, slice }, { file: path, field })
  } finally {
    await handle.close()
  }
}

/** SHA-256 of a file. */
export const hashFile = async (path: string, signal?: AbortSignal): Promise<string> => {
  const hash = createHash('sha256')
  for await (const piece of fileBytes(path, signal)) hash.update(piece)
  return hash.digest('hex')
}

/** Size and time of a file. */
export const fileTimes = async (path: string): Promise<{ readonly bytes: number; readonly modified: number }> => {
  const { size, mtimeMs } = await stat(path).catch(error => {
    throw cannotRead(path, error)
  })
  return { bytes: size, modified: mtimeMs }
}
