import { DocumentError } from '../errors'

/** The bytes of a file, in pieces of any size: a file stream of Node, the stream of a `Blob` or a response, or an array. */
export type Bytes = AsyncIterable<Uint8Array> | Iterable<Uint8Array> | ReadableStream<Uint8Array>

/** The pieces of a stream. Not every browser can iterate over streams. */
export async function* piecesOf(bytes: Bytes): AsyncGenerator<Uint8Array> {
  if (!('getReader' in bytes)) {
    yield* bytes
    return
  }
  const reader = bytes.getReader()
  let ended = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      ended = done
      if (done) return
      yield value
    }
  } finally {
    if (!ended) await reader.cancel()
  }
}

/** The largest number of characters of a document or a line. JavaScript strings cannot be much longer. */
export const maxCharacters = 2 ** 28

/** @throws DocumentError for a text over the limit */
export const checkLength = (characters: number, file: string, what: string): void => {
  if (characters > maxCharacters) {
    throw new DocumentError(file, `${what} has over ${maxCharacters} characters: split it`)
  }
}

/**
 * The text of UTF-8 bytes, in pieces. A byte order mark at the start is left out.
 *
 * @throws DocumentError if the bytes are not UTF-8
 */
export async function* decodeUtf8(bytes: Bytes, file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let at = 0
  const decode = (piece: Uint8Array): string => {
    try {
      return decoder.decode(piece, { stream: piece.length > 0 })
    } catch (error) {
      const where = piece.length > 0 ? `in bytes ${at} to ${at + piece.length}` : 'at its end, where it is cut short'
      throw new DocumentError(file, `it is not UTF-8 text ${where}: convert it to UTF-8 first`, { cause: error })
    }
  }
  for await (const piece of piecesOf(bytes)) {
    // An empty piece would end the text.
    if (piece.length === 0) continue
    const text = decode(piece)
    at += piece.length
    if (text !== '') yield text
  }
  const last = decode(new Uint8Array(0))
  if (last !== '') yield last
}

/**
 * The lines of UTF-8 text, some at a time, without their line feeds. A carriage return before a line feed stays.
 *
 * @throws DocumentError if the bytes are not UTF-8, or a line is too long
 */
export async function* lineBatches(bytes: Bytes, file: string): AsyncGenerator<string[]> {
  let rest = ''
  for await (const text of decodeUtf8(bytes, file)) {
    const lines = text.split('\n')
    lines[0] = rest + lines[0]
    rest = lines.pop() as string
    checkLength(rest.length, file, 'a line')
    if (lines.length > 0) yield lines
  }
  if (rest !== '') yield [rest]
}
