import { once } from 'node:events'
import { addAbortSignal } from 'node:stream'
import { decodeUtf8, lineBatches } from './files'

/** Writes text to standard output, and waits while its reader is slow. */
export const write = async (text: string): Promise<void> => {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/**
 * Ends the process if standard output cannot be written, without an error if the reader has closed the pipe (`cria … | head`). Errors on
 * standard error are ignored.
 */
export const endOnBrokenOutput = (): void => {
  process.stderr.on('error', () => {})
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    console.error(`cria: cannot write to standard output: ${error.message}`)
    process.exit(1)
  })
}

/**
 * All of standard input as text.
 *
 * @throws InputError if it is not UTF-8
 */
export const readInput = async (signal: AbortSignal): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of addAbortSignal(signal, process.stdin)) chunks.push(chunk)
  return decodeUtf8(Buffer.concat(chunks), 'standard input')
}

/** The lines of standard input as they come, often many at a time. */
export const readInputLines = (signal: AbortSignal): AsyncIterable<string[]> =>
  lineBatches(addAbortSignal(signal, process.stdin), 'standard input')
