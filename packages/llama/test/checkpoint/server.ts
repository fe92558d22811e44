import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export const listen = async (listener: RequestListener): Promise<string> => {
  const server: Server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server of files that answers range requests, and counts the bytes that it sends. */
export const serve = (files: ReadonlyMap<string, Uint8Array>, sent = { bytes: 0 }) =>
  listen((request, response) => {
    const body = files.get(decodeURIComponent((request.url ?? '').replace(/^\//, '').replace(/\?.*/, '')))
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    if (!body || !range) return void response.writeHead(body ? 200 : 404).end()
    const [from, to] = [Number(range[1]), Math.min(Number(range[2]), body.length - 1)]
    sent.bytes += to - from + 1
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${body.length}`, etag: '"1"' })
    response.end(body.subarray(from, to + 1))
  })
