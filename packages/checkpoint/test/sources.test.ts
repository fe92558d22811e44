import { execFileSync } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { blobSource, httpSource, memorySource, type Source, SourceError } from '../src/index'
import { fileSource } from '../src/node'
import { listen, serve } from './server'

const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-sources-'))
  await writeFile(join(folder, 'bytes'), bytes)
})
afterAll(() => rm(folder, { recursive: true }))

const kinds: Record<string, () => Promise<Source>> = {
  memory: async () => memorySource(bytes),
  blob: async () => blobSource(new Blob([bytes]), 'bytes'),
  file: () => fileSource(join(folder, 'bytes')),
  http: async () => httpSource(`${await serve(new Map([['bytes', bytes]]))}/bytes`),
}

test.each(Object.keys(kinds))('a %s source reads any range into its own buffer', async kind => {
  const source = await kinds[kind]()
  expect(source.size).toBe(bytes.length)
  for (const [offset, length] of [
    [0, 10],
    [99_990, 10],
    [12_345, 54_321],
    [0, bytes.length],
    [5, 0],
  ]) {
    let counted = 0
    const read = await source.read(offset, length, {
      onBytes: count => {
        counted += count
      },
    })
    expect(Buffer.compare(read, bytes.subarray(offset, offset + length))).toBe(0)
    expect([read.byteOffset, read.buffer.byteLength, counted]).toEqual([0, length, length])
    read.fill(0)
  }
  expect((await source.read(0, 3))[1]).toBe(bytes[1])
  await source.close()
})

test.each(Object.keys(kinds))('a %s source rejects with the reason of an abort', async kind => {
  const source = await kinds[kind]()
  onTestFinished(() => source.close())
  const reason = new Error('enough')
  await expect(source.read(0, 1000, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})

// Node's `fetch` has listeners of its own, so `http` is left out.
test.each(['memory', 'blob', 'file'])('a %s source leaves no listener on a signal', async kind => {
  const source = await kinds[kind]()
  onTestFinished(() => source.close())
  const { signal } = new AbortController()
  for (let i = 0; i < 3; i++) await source.read(0, 1000, { signal })
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('a blob is read in pieces, each in its place', async () => {
  const large = Uint8Array.from({ length: 40 * 2 ** 20 }, (_, i) => i >> 16)
  const counts: number[] = []
  const read = await blobSource(new Blob([large])).read(5, large.length - 10, { onBytes: n => counts.push(n) })
  expect(Buffer.compare(read, large.subarray(5, -5))).toBe(0)
  expect(counts).toEqual([16 * 2 ** 20, 16 * 2 ** 20, 8 * 2 ** 20 - 10])
})

test('a blob that cannot be read is a SourceError, unless the reading was aborted', async () => {
  const gone = new Blob([bytes])
  const failure = new Error('moved')
  gone.slice = () => ({ arrayBuffer: () => Promise.reject(failure) }) as unknown as Blob
  const reading = blobSource(gone, 'gone.gguf').read(0, 10)
  await expect(reading).rejects.toThrow('gone.gguf: cannot be read (Error: moved); choose the file again')
  await expect(reading).rejects.toMatchObject({ name: 'SourceError', file: 'gone.gguf', cause: failure })
  const reason = new Error('enough')
  await expect(blobSource(gone).read(0, 10, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})

test('a file that is missing, a folder, or cut short while read is a SourceError that names it', async () => {
  await expect(fileSource(join(folder, 'none'))).rejects.toThrow(/none: does not exist; check the path/)
  await expect(fileSource(folder)).rejects.toThrow(/not a regular file/)
  const path = join(folder, 'shrinks')
  await writeFile(path, bytes)
  const source = await fileSource(path)
  onTestFinished(() => source.close())
  await truncate(path, 10)
  await expect(source.read(0, 100)).rejects.toThrow(/changed while being read/)
})

test.skipIf(process.platform === 'win32')('a pipe is refused without waiting for its writer', async () => {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  await expect(fileSource(path)).rejects.toThrow(/pipe: cannot be opened \(it is not a regular file\)/)
})

const badServers: Record<string, [RegExp, RequestListener]> = {
  'without ranges': [/without range requests/, (_, response) => void response.writeHead(200).end('all of it')],
  'without the file': [/answered 404/, (_, response) => void response.writeHead(404).end()],
  'without Content-Range': [/readable Content-Range/, (_, response) => void response.writeHead(206).end('x')],
  'that has replaced the file': [
    /changed on the server/,
    (request, response) => {
      const first = request.headers.range === 'bytes=0-0'
      const range = request.headers.range?.replace('=', ' ')
      response.writeHead(206, { 'content-range': `${range}/100`, etag: first ? '"1"' : '"2"' }).end('x'.repeat(10))
    },
  ],
  'that ignores a range after the first': [
    /answered 200 to a range request/,
    (request, response) => {
      if (request.headers.range !== 'bytes=0-0') return void response.writeHead(200).end('x'.repeat(100))
      response.writeHead(206, { 'content-range': 'bytes 0-0/100' }).end('x')
    },
  ],
  'that sends too much': [
    /sent more than the 10 bytes that were asked for/,
    (request, response) => {
      const range = request.headers.range?.replace('=', ' ')
      const bytes = request.headers.range === 'bytes=0-0' ? 1 : 11
      response.writeHead(206, { 'content-range': `${range}/100` }).end('x'.repeat(bytes))
    },
  ],
  'that redirects to itself': [
    /cannot be fetched/,
    (request, response) => void response.writeHead(302, { location: request.url }).end(),
  ],
  'that breaks off before it sends anything': [
    /sent 0 of 10 bytes|broke off/,
    (request, response) => {
      const range = request.headers.range?.replace('=', ' ')
      response.writeHead(206, { 'content-range': `${range}/100` }).end(request.headers.range === 'bytes=0-0' ? 'x' : '')
    },
  ],
}

test.each(Object.keys(badServers))('a server %s is a SourceError', async kind => {
  const [message, listener] = badServers[kind]
  const url = `${await listen(listener)}/model.gguf`
  const reading = httpSource(url, { retryMilliseconds: 1 }).then(source => source.read(0, 10))
  await expect(reading).rejects.toThrow(message)
  await expect(reading).rejects.toBeInstanceOf(SourceError)
  await expect(reading).rejects.toMatchObject({ file: url })
})
