import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'

/** Headers that make a page cross-origin isolated, so that it may share memory between threads. */
export const crossOriginIsolation: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

const contentTypes: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

/** Serves content by URL path on a free port of 127.0.0.1: a string names a file on disk, bytes are sent as they are. */
export async function serve(
  content: ReadonlyMap<string, string | Uint8Array>,
  headers: Readonly<Record<string, string>>,
) {
  const server = createServer(async ({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://127.0.0.1')
    const found = content.get(pathname)
    const body = typeof found === 'string' ? await readFile(found).catch(() => undefined) : found
    const type = contentTypes[extname(pathname)] ?? 'application/octet-stream'
    response.writeHead(body ? 200 : 404, { ...headers, 'Content-Type': type })
    response.end(body)
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
