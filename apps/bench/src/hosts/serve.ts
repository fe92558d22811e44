import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crossOriginIsolation } from '@cria/browser'
import sirv from 'sirv'

const page = '<!doctype html><meta charset="utf-8"><title>Cria bench</title>'

/**
 * Serves folders under URL prefixes (`/model` …), with ranges, on a free port of 127.0.0.1, and an empty page at `/`. The
 * page is cross-origin isolated, so that it may share memory between threads.
 */
export const serveFolders = async (folders: Readonly<Record<string, string>>) => {
  const mounts = Object.entries(folders).map(([prefix, folder]) => ({
    prefix: `${prefix}/`,
    // `dev` reads the disk at each request: nothing is listed, or held, before.
    handle: sirv(folder, { dev: true, etag: true }),
  }))
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(crossOriginIsolation)) response.setHeader(name, value)
    const mount = mounts.find(({ prefix }) => request.url?.startsWith(prefix))
    if (mount) {
      request.url = request.url?.slice(mount.prefix.length - 1)
      mount.handle(request, response, () => {
        response.writeHead(404).end()
      })
    } else if (request.url === '/') response.setHeader('Content-Type', 'text/html').end(page)
    else response.writeHead(404).end()
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
