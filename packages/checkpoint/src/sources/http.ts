import { SourceError } from '../errors'
import type { Source } from './source'

export interface HttpSourceOptions {
  readonly signal?: AbortSignal | undefined
  /** Sent with every request, for private models. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Large enough that the wait for an answer is small beside the transfer. */
const chunkBytes = 32 * 2 ** 20

const problem = (error: unknown) => (error instanceof Error ? error.message : String(error))

const request = async (url: string, headers: Record<string, string>, signal: AbortSignal | undefined) => {
  try {
    return await fetch(url, { headers, signal: signal ?? null })
  } catch (error) {
    signal?.throwIfAborted()
    throw new SourceError({ file: url }, `cannot be fetched (${problem(error)}); check the address and the network`, {
      cause: error,
    })
  }
}

/** Discards a body that is not wanted, so that its connection is free again. */
const discard = (response: Response) => response.body?.cancel().catch(() => {})

/** Total size from `Content-Range: bytes 0-0/TOTAL` (RFC 9110, section 14.4). */
const totalSize = async (url: string, response: Response): Promise<number> => {
  await discard(response)
  if (response.status === 200) {
    throw new SourceError({ file: url }, 'comes from a server without range requests; download the file and open it')
  }
  if (response.status !== 206) {
    const { status, statusText } = response
    throw new SourceError({ file: url }, `answered ${status} ${statusText}; check the address`, { status })
  }
  const size = Number(/^bytes \d+-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1])
  if (Number.isSafeInteger(size)) return size
  throw new SourceError({ file: url }, 'comes without a readable Content-Range; a CORS server must expose that header')
}

/** Fills `bytes` from a body that must have exactly as many. */
const receive = async (
  url: string,
  body: ReadableStream<Uint8Array>,
  bytes: Uint8Array,
  onBytes: ((bytes: number) => void) | undefined,
) => {
  const reader = body.getReader()
  let at = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (at + value.length > bytes.length) {
      await reader.cancel()
      throw new SourceError({ file: url }, `sent more than the ${bytes.length} bytes that were asked for`)
    }
    bytes.set(value, at)
    at += value.length
    onBytes?.(value.length)
  }
  if (at < bytes.length) throw new SourceError({ file: url }, `sent ${at} of ${bytes.length} bytes; try again`)
}

/**
 * A source over a file on a server, read by HTTP range requests; only what is asked for is transferred.
 * Throws a `SourceError` where the server has no ranges, and later where the file has changed since.
 */
export const httpSource = async (url: string, { signal, headers = {} }: HttpSourceOptions = {}): Promise<Source> => {
  const first = await request(url, { ...headers, range: 'bytes=0-0' }, signal)
  const size = await totalSize(url, first)
  const version = first.headers.get('etag') ?? first.headers.get('last-modified')
  return {
    name: url,
    size,
    chunkBytes,
    async read(offset, length, { signal, onBytes, into = new Uint8Array(length) } = {}) {
      if (length === 0) return into
      const response = await request(url, { ...headers, range: `bytes=${offset}-${offset + length - 1}` }, signal)
      const range = response.headers.get('content-range')
      if (response.status !== 206 || !response.body) {
        await discard(response)
        throw new SourceError({ file: url }, `answered ${response.status} to a range request; try again`, {
          status: response.status,
        })
      }
      const found = response.headers.get('etag') ?? response.headers.get('last-modified')
      if (range !== `bytes ${offset}-${offset + length - 1}/${size}` || found !== version) {
        await discard(response)
        throw new SourceError({ file: url }, 'changed on the server while it was read; open it again')
      }
      try {
        await receive(url, response.body, into, onBytes)
      } catch (error) {
        signal?.throwIfAborted()
        if (error instanceof SourceError) throw error
        throw new SourceError({ file: url }, `broke off (${problem(error)}); try again`, { cause: error })
      }
      return into
    },
    close: async () => {},
  }
}
