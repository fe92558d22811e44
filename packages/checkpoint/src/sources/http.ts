import { SourceError } from '../errors'
import { abortable, type Source } from './source'

export interface HttpSourceOptions {
  readonly signal?: AbortSignal | undefined
  /** Sent with every request, for private models. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Milliseconds to wait before the first new attempt after a failure; each further wait is twice as long. 250. */
  readonly retryMilliseconds?: number | undefined
}

/** Large, so that waiting for an answer is short compared to the transfer. */
const chunkBytes = 32 * 2 ** 20

/** Failed attempts without any new byte before reading fails. */
const maxAttempts = 5
/** The longest wait, also where a server asks for a longer one. */
const maxWaitMilliseconds = 30_000

const problem = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** Answers after which the same request may succeed: too many requests, and servers that are overloaded or restarting. */
const isTemporary = (status: number) => status === 408 || status === 429 || (status >= 500 && status !== 501)

/** Milliseconds that the server asks to wait (RFC 9110, section 10.2.3). */
const retryAfter = (response: Response): number | undefined => {
  const header = response.headers.get('retry-after')
  if (header === null) return undefined
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds)
}

const wait = (milliseconds: number, signal: AbortSignal | undefined): Promise<void> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const waiting = new Promise<void>(resolve => {
    timer = setTimeout(resolve, Math.min(milliseconds, maxWaitMilliseconds))
  })
  return abortable(waiting, signal).finally(() => clearTimeout(timer))
}

/** A failure that may pass, and when to try again. */
class Temporary {
  constructor(
    readonly error: SourceError,
    readonly waitMilliseconds?: number | undefined,
  ) {}
}

/** Discards an unused body, so that its connection can be used again. */
const discard = (response: Response) => response.body?.cancel().catch(() => {})

const request = async (url: string, headers: Record<string, string>, signal: AbortSignal | undefined) => {
  let response: Response
  try {
    response = await fetch(url, { headers, signal: signal ?? null })
  } catch (error) {
    signal?.throwIfAborted()
    const text = `cannot be fetched (${problem(error)}); check the address and the network`
    throw new Temporary(new SourceError({ file: url }, text, { cause: error }))
  }
  const { status, statusText } = response
  if (!isTemporary(status)) return response
  await discard(response)
  throw new Temporary(
    new SourceError({ file: url }, `answered ${status} ${statusText}; try again later`, { status }),
    retryAfter(response),
  )
}

/** Runs work until it succeeds. `hasProgressed` says whether the last attempt read anything; if so, the count of attempts starts again. */
const retrying = async <T>(
  work: () => Promise<T>,
  { signal, retryMilliseconds = 250 }: HttpSourceOptions,
  hasProgressed: () => boolean = () => false,
): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Temporary)) throw error
      if (hasProgressed()) attempt = 1
      if (attempt >= maxAttempts) throw error.error
      await wait(error.waitMilliseconds ?? retryMilliseconds * 2 ** (attempt - 1), signal)
    }
  }
}

/** Total size from `Content-Range: bytes 0-0/TOTAL` (RFC 9110, section 14.4). */
const totalSize = async (url: string, response: Response): Promise<number> => {
  await discard(response)
  const { status, statusText } = response
  if (status === 200) {
    const isPage = response.headers.get('content-type')?.startsWith('text/html') ?? false
    const text = isPage
      ? 'is answered with a web page; check the address'
      : 'comes from a server without range requests; download the file and open it'
    throw new SourceError({ file: url }, text, { status })
  }
  if (status !== 206) {
    throw new SourceError({ file: url }, `answered ${status} ${statusText}; check the address`, { status })
  }
  const size = Number(/^bytes \d+-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1])
  if (Number.isSafeInteger(size)) return size
  throw new SourceError({ file: url }, 'comes without a readable Content-Range; a CORS server must expose that header')
}

/** Reads a body into `bytes` from `at` on, and reports each piece. Fails if the body is too long. */
const receive = async (
  url: string,
  body: ReadableStream<Uint8Array>,
  bytes: Uint8Array,
  at: number,
  onPiece: (length: number) => void,
) => {
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (at + value.length > bytes.length) {
      await reader.cancel()
      throw new SourceError({ file: url }, `sent more than the ${bytes.length} bytes that were asked for`)
    }
    bytes.set(value, at)
    at += value.length
    onPiece(value.length)
  }
  if (at < bytes.length) throw new Error(`sent ${at} of ${bytes.length} bytes`)
}

/**
 * A file on a server, read by HTTP range requests; only what is asked for is transferred. A connection that breaks, and
 * answers 429 and 5xx, are retried from the last received byte, up to five times in a row without progress.
 * @throws SourceError if the server has no such file or no range requests, and later if the file has changed
 */
export const httpSource = async (url: string, options: HttpSourceOptions = {}): Promise<Source> => {
  const { headers = {}, signal, retryMilliseconds } = options
  const first = await retrying(() => request(url, { ...headers, range: 'bytes=0-0' }, signal), options)
  const size = await totalSize(url, first)
  const version = first.headers.get('etag') ?? first.headers.get('last-modified')
  /** Reads bytes `from` to `to` of the file into `into` from `at` on. */
  const fetchRange = async (
    range: { readonly from: number; readonly to: number },
    into: Uint8Array,
    at: number,
    signal: AbortSignal | undefined,
    onPiece: (length: number) => void,
  ) => {
    const { from, to } = range
    const response = await request(url, { ...headers, range: `bytes=${from}-${to - 1}` }, signal)
    const { status } = response
    if (status !== 206 || !response.body) {
      await discard(response)
      throw new SourceError({ file: url }, `answered ${status} to a range request; try again`, { status })
    }
    const found = response.headers.get('etag') ?? response.headers.get('last-modified')
    if (response.headers.get('content-range') !== `bytes ${from}-${to - 1}/${size}` || found !== version) {
      await discard(response)
      throw new SourceError({ file: url }, 'changed on the server while it was read; open it again')
    }
    try {
      await receive(url, response.body, into, at, onPiece)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof SourceError) throw error
      const text = `broke off (${problem(error)}); try again`
      throw new Temporary(new SourceError({ file: url }, text, { cause: error }))
    }
  }
  return {
    name: url,
    size,
    chunkBytes,
    async read(offset, length, { signal, onBytes, into = new Uint8Array(length) } = {}) {
      let done = 0
      let before = 0
      const onPiece = (bytes: number) => {
        done += bytes
        onBytes?.(bytes)
      }
      const attempt = async () => {
        before = done
        if (done < length) await fetchRange({ from: offset + done, to: offset + length }, into, done, signal, onPiece)
      }
      await retrying(attempt, { signal, retryMilliseconds }, () => done > before)
      return into
    },
    close: async () => {},
  }
}

/** Status codes of missing files: not all servers answer 404. */
const absent = [200, 400, 401, 403, 404, 405, 410, 416, 451]

/**
 * As `httpSource`, or undefined if the server does not have the file. Servers that hide what exists answer 403 or 401, and
 * development servers answer 200 with a page.
 */
export const optionalHttpSource = async (url: string, options?: HttpSourceOptions): Promise<Source | undefined> => {
  try {
    return await httpSource(url, options)
  } catch (error) {
    if (error instanceof SourceError && absent.includes(error.status ?? 0)) return undefined
    throw error
  }
}
