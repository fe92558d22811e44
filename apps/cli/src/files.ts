import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { InputError } from './errors'

/** Every character of the text, a byte order mark too. */
const strict = { fatal: true, ignoreBOM: true } as const

/** The largest number of characters in a line. JavaScript strings cannot be much longer. */
const maxLine = 2 ** 28

/** Why decoding failed. */
const textError = (name: string, error: unknown): InputError =>
  (error as NodeJS.ErrnoException).code === 'ERR_STRING_TOO_LONG'
    ? new InputError(`${name} is too long for one text: split it`)
    : new InputError(`${name} is not UTF-8 text: convert it first`)

/**
 * The text of UTF-8 bytes.
 *
 * @param name says in the error what the bytes are
 * @throws InputError if they are not UTF-8, or more than a text can hold
 */
export const decodeUtf8 = (bytes: Uint8Array, name: string): string => {
  try {
    return new TextDecoder('utf-8', strict).decode(bytes)
  } catch (error) {
    throw textError(name, error)
  }
}

/**
 * The lines of UTF-8 text, in groups, one for each chunk. A line ends only at a line feed: U+2028
 * may be part of a JSON string.
 *
 * @throws InputError if it is not UTF-8, or a line is longer than a text can be
 */
export async function* lineBatches(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string[]> {
  const decoder = new TextDecoder('utf-8', strict)
  const decode = (chunk?: Uint8Array): string => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined })
    } catch (error) {
      throw textError(name, error)
    }
  }
  let last = ''
  for await (const chunk of chunks) {
    const lines = decode(chunk).split('\n')
    lines[0] = last + lines[0]
    last = lines.pop() as string
    if (last.length > maxLine) throw new InputError(`${name} has a line of over ${maxLine} characters: break it`)
    if (lines.length > 0) yield lines
  }
  last += decode()
  if (last !== '') yield [last]
}

/** The error for a path, from an error of the system. */
const pathError = (path: string, error: unknown): InputError => {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return new InputError(`${path} does not exist: check the path`)
  if (code === 'EISDIR') return new InputError(`${path} is a folder: give a file`)
  return new InputError(`${path} cannot be read: ${message}`)
}

/**
 * A file's bytes.
 *
 * @throws InputError if it cannot be read
 */
const readBytes = async (path: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> => {
  try {
    return new Uint8Array(await readFile(path, { signal }))
  } catch (error) {
    throw pathError(path, error)
  }
}

/** A UTF-8 file's text. */
export const readTextFile = async (path: string, signal: AbortSignal): Promise<string> =>
  decodeUtf8(await readBytes(path, signal), path)

/** The lines of a UTF-8 file of any size, many at a time. */
export async function* readFileLines(path: string, signal: AbortSignal): AsyncGenerator<string[]> {
  try {
    yield* lineBatches(createReadStream(path, { signal }), path)
  } catch (error) {
    throw error instanceof InputError ? error : pathError(path, error)
  }
}
