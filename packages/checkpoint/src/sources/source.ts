import { MalformedFileError, type Place } from '../errors'

export interface ReadBytesOptions {
  readonly signal?: AbortSignal | undefined
  /** Called as bytes arrive, with the number of new ones. */
  readonly onBytes?: ((bytes: number) => void) | undefined
  /** A buffer of exactly `length` bytes to read into, and to resolve with, instead of a new one. */
  readonly into?: Uint8Array<ArrayBuffer> | undefined
}

/** Random access to the bytes of one file. */
export interface Source {
  /** The file's name as errors show it; its last path segment is what a format looks for. */
  readonly name: string
  /** Size in bytes. */
  readonly size: number
  /** How many bytes are best asked for at a time where a large tensor is read in pieces. */
  readonly chunkBytes: number
  /**
   * Bytes `offset` to `offset + length`, which lie inside the file, in a buffer of their own: the caller may keep,
   * change or reinterpret it. Rejects with the signal's reason once aborted, and with a `SourceError` when the bytes
   * cannot be had.
   */
  read(offset: number, length: number, options?: ReadBytesOptions): Promise<Uint8Array<ArrayBuffer>>
  close(): Promise<void>
}

/** A chunk for what is near: it stays in a processor's cache while it is worked on. */
export const localChunkBytes = 4 * 2 ** 20

/** The last segment of a source's name: `dir/model.gguf` and `https://host/model.gguf?x` are both `model.gguf`. */
export const baseName = (name: string): string => {
  const path = name.replace(/[?#].*$/, '')
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}

/** What a source's name has before its last segment, for a model of several files; the name itself where that is all. */
export const folderName = (name: string): string => name.slice(0, -baseName(name).length - 1) || name

/** Throws unless a range lies inside the source: the guard of every reader whose offsets come from a file. */
export const checkRange = (source: Source, offset: number, length: number, place: Omit<Place, 'file'>): void => {
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0) {
    if (offset + length <= source.size) return
  }
  throw new MalformedFileError(
    { file: source.name, ...place },
    `would lie at bytes ${offset} to ${offset + length}, but the file has ${source.size} bytes; ` +
      'it is cut short or damaged: fetch it again',
  )
}
