import { DocumentError } from '../errors'
import { type Bytes, piecesOf } from './bytes'
import { ZstdFrames } from './zstd-frames'

/** Decompresses gzip. Its errors count as damaged data. */
export type Gunzip = (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>

export interface DecompressOptions {
  /** Default: the `DecompressionStream` of the runtime, most of which read files of a single gzip member alone. */
  readonly gunzip?: Gunzip | undefined
}

/**
 * The content of a file that may be compressed by gzip or zstd, recognised by its first bytes. Other bytes are returned unchanged. Neither
 * format starts like a UTF-8 text. Checksums of zstd are not verified.
 *
 * @param file names the file in errors
 * @throws DocumentError if the compressed data is damaged or cut short
 */
export async function* decompressed(
  bytes: Bytes,
  file: string,
  { gunzip = decompressionStream }: DecompressOptions = {},
): AsyncGenerator<Uint8Array> {
  const pieces = piecesOf(bytes)
  const head: Uint8Array[] = []
  let length = 0
  while (length < 4) {
    const { done, value } = await pieces.next()
    if (done) break
    head.push(value)
    length += value.length
  }
  const start = concat(head, length)
  const all = resume(start, pieces)
  if (start[0] === 0x1f && start[1] === 0x8b) yield* gunzipped(all, file, gunzip)
  else if (isZstd(start)) yield* unzstd(all, file)
  else yield* all
}

/** A frame, or one that is skipped. */
const isZstd = (b: Uint8Array): boolean =>
  b.length >= 4 &&
  ((b[0] === 0x28 && b[1] === 0xb5 && b[2] === 0x2f && b[3] === 0xfd) ||
    (b[0] >> 4 === 5 && b[1] === 0x2a && b[2] === 0x4d && b[3] === 0x18))

const concat = (pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> => {
  const all = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

async function* resume(start: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (start.length > 0) yield start
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

const damaged = (file: string, format: string, error: unknown): DocumentError => {
  const problem = (error instanceof Error && error.message) || 'no details'
  return new DocumentError(file, `its ${format} data is damaged or cut short (${problem}): fetch it again`, {
    cause: error,
  })
}

async function* gunzipped(bytes: AsyncIterable<Uint8Array>, file: string, gunzip: Gunzip): AsyncGenerator<Uint8Array> {
  // An error of the source is not an error in the compressed data.
  let failure: { readonly error: unknown } | undefined
  async function* watched() {
    try {
      yield* bytes
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  try {
    yield* gunzip(watched())
  } catch (error) {
    throw failure ? failure.error : damaged(file, 'gzip', error)
  }
}

async function* decompressionStream(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const pieces = bytes[Symbol.asyncIterator]()
  const source = new ReadableStream<BufferSource>({
    async pull(controller) {
      const { done, value } = await pieces.next()
      if (done) controller.close()
      // A copy: the stream may transfer the memory of its pieces.
      else controller.enqueue(value.slice())
    },
    async cancel() {
      await pieces.return?.()
    },
  })
  yield* piecesOf(source.pipeThrough(new DecompressionStream('gzip')))
}

async function* unzstd(bytes: AsyncGenerator<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  const { Decompress } = await import('fzstd')
  let output: Uint8Array[] = []
  const decompress = new Decompress(piece => {
    output.push(piece)
  })
  const frames = new ZstdFrames()
  const push = (piece: Uint8Array, last: boolean): Uint8Array[] => {
    output = []
    try {
      const checked = last ? frames.end() : frames.push(piece)
      if (last || checked.length > 0) decompress.push(checked, last)
    } catch (error) {
      throw damaged(file, 'zstd', error)
    }
    return output
  }
  for await (const piece of bytes) yield* push(piece, false)
  yield* push(new Uint8Array(0), true)
}
