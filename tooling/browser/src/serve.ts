import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'
import sirv from 'sirv'

/** Headers that make a page cross-origin isolated, so that it may share memory between threads. */
export const crossOriginIsolation: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export interface Site {
  /** URL path (`/model.bin`) to a path on disk, or to the bytes themselves. */
  files?: Readonly<Record<string, string | Uint8Array>>
  /** URL prefix (`/model`, or `/` for the whole site) to a folder on disk. Ranges of its files are answered. */
  folders?: Readonly<Record<string, string>>
  /** HTTP headers of every answer, for example `crossOriginIsolation`. */
  headers?: Readonly<Record<string, string>>
}

export interface Server {
  /** Where it listens: `http://127.0.0.1:PORT`. */
  readonly origin: string
  close(): void
}

const contentTypes: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

/** Serves files and folders on a free port of 127.0.0.1, the files first. A path that is neither is answered by 404. */
export async function serve({ files = {}, folders = {}, headers = {} }: Site): Promise<Server> {
  const mounts = Object.entries(folders).map(([prefix, folder]) => ({
    prefix: prefix.endsWith('/') ? prefix : `${prefix}/`,
    // `dev` reads the disk at each request: large folders are not listed first.
    handle: sirv(folder, { dev: true, etag: true }),
  }))
  const server = createServer(async (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1')
    const notFound = () => void response.writeHead(404).end()
    if (Object.hasOwn(files, pathname)) {
      const file = files[pathname]
      const body = typeof file === 'string' ? await readFile(file).catch(() => undefined) : file
      if (!body) return notFound()
      const type = contentTypes[pathname.endsWith('/') ? '.html' : extname(pathname)] ?? 'application/octet-stream'
      return response.writeHead(200, { 'Content-Type': type }).end(body)
    }
    const mount = mounts.find(({ prefix }) => pathname.startsWith(prefix))
    if (!mount) return notFound()
    request.url = (request.url as string).slice(mount.prefix.length - 1)
    mount.handle(request, response, notFound)
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
