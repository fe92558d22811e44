import { MalformedFileError, type Place } from '../errors'

export interface ReadBytesOptions {
  readonly signal?: AbortSignal | undefined
  /** Called as bytes arrive, with the number of new bytes. */
  readonly onBytes?: ((bytes: number) => void) | undefined
  /**
   * A buffer of exactly `length` bytes to read into and to resolve with, instead of a new one. Nothing is written into it once
   * the read has ended.
   */
  readonly into?: Uint8Array<ArrayBuffer> | undefined
}

/** Random access to the bytes of one file. */
export interface Source {
  /** A path or URL, as errors show it. Readers recognise files by its last segment. */
  readonly name: string
  /** Size in bytes. */
  readonly size: number
  /** The best number of bytes to ask for at a time when a large tensor is read in pieces. */
  readonly chunkBytes: number
  /**
   * Reads bytes `offset` to `offset + length`, which lie inside the file, into a buffer that belongs to the caller.
   * Rejects with the signal's reason once it is aborted.
   * @throws SourceError if the bytes cannot be read
   */
  read(offset: number, length: number, options?: ReadBytesOptions): Promise<Uint8Array<ArrayBuffer>>
  close(): Promise<void>
}

/** Bytes that a source has read, as numbers: they may be a part of a larger buffer. */
export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

/** The chunk size for files on disk and in memory: a chunk stays in the processor's cache while it is converted. */
export const localChunkBytes = 4 * 2 ** 20

/** Whether a name is a URL on a server. Names without a scheme are paths, in which `?` and `#` are ordinary characters. */
export const isServerUrl = (name: string): boolean => /^https?:\/\//i.test(name)

const pathOf = (name: string): string => (isServerUrl(name) ? name.replace(/[?#].*$/s, '') : name)

/** The last segment of a source's name: `model.gguf` of `dir/model.gguf` and of `https://host/model.gguf?x`. */
export const baseName = (name: string): string => {
  const path = pathOf(name)
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}

/** The part of a source's name before its last segment; the name itself if that is all. */
export const folderName = (name: string): string => pathOf(name).slice(0, -baseName(name).length - 1) || name

/** @throws MalformedFileError unless a range is inside the source. Every offset that comes from a file goes through it. */
export const checkRange = (source: Source, offset: number, length: number, place: Omit<Place, 'file'>): void => {
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0) {
    if (offset + length <= source.size) return
  }
  throw new MalformedFileError(
    { file: source.name, ...place },
    `would be at bytes ${offset} to ${offset + length}, but the file has ${source.size} bytes; ` +
      'it is cut short or damaged: fetch it again',
  )
}

/** The promise, or a rejection with the signal's reason as soon as it aborts. The result of the abandoned work is ignored. */
export const abortable = <T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (!signal) return promise
  if (signal.aborted) {
    promise.catch(() => {})
    return Promise.reject(signal.reason)
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
