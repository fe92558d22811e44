import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import {
  blobSource,
  httpSource,
  memoryCheckpoint,
  memorySource,
  type OutputFile,
  openCheckpoint,
  openUrl,
  outputBytes,
  type Progress,
  readTensors,
  type Source,
  SourceError,
  writeGguf,
  writeHuggingFace,
  writeLlama2c,
} from '../src/index'
import { fileSource, openPath, saveFile, saveFiles } from '../src/node'
import { expectSameTensors, readAll } from './stories'
import { tinyArrays, tinyCheckpoint, tinyConfig } from './tiny'

const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-sources-'))
  await writeFile(join(folder, 'bytes'), bytes)
})
afterAll(() => rm(folder, { recursive: true }))

const listen = async (listener: RequestListener): Promise<string> => {
  const server: Server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server of files that answers range requests, and counts the bytes that it sends. */
const serve = (files: ReadonlyMap<string, Uint8Array>, sent = { bytes: 0 }) =>
  listen((request, response) => {
    const body = files.get(decodeURIComponent((request.url ?? '').replace(/^\//, '').replace(/\?.*/, '')))
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    if (!body || !range) return void response.writeHead(body ? 200 : 404).end()
    const [from, to] = [Number(range[1]), Math.min(Number(range[2]), body.length - 1)]
    sent.bytes += to - from + 1
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${body.length}`, etag: '"1"' })
    response.end(body.subarray(from, to + 1))
  })

const kinds: Record<string, () => Promise<Source>> = {
  memory: async () => memorySource(bytes),
  blob: async () => blobSource(new Blob([bytes]), 'bytes'),
  file: () => fileSource(join(folder, 'bytes')),
  http: async () => httpSource(`${await serve(new Map([['bytes', bytes]]))}/bytes`),
}

test.each(Object.keys(kinds))('a %s source reads any range into a buffer of its own', async kind => {
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

test('a file that is missing, a folder, or cut short while read is a SourceError that names it', async () => {
  await expect(fileSource(join(folder, 'none'))).rejects.toThrow(/none: cannot be opened/)
  await expect(fileSource(folder)).rejects.toThrow(/no regular file/)
  const path = join(folder, 'shrinks')
  await writeFile(path, bytes)
  const source = await fileSource(path)
  onTestFinished(() => source.close())
  await truncate(path, 10)
  await expect(source.read(0, 100)).rejects.toThrow(/changed while being read/)
})

test.skipIf(process.platform === 'win32')('a pipe is refused, and nobody waits for its writer', async () => {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  await expect(fileSource(path)).rejects.toThrow(/pipe: cannot be opened \(it is no regular file\)/)
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
  'that breaks off': [
    /sent 5 of 10|broke off/,
    (request, response) => {
      const range = request.headers.range?.replace('=', ' ')
      response
        .writeHead(206, { 'content-range': `${range}/100` })
        .end('x'.repeat(request.headers.range === 'bytes=0-0' ? 1 : 5))
    },
  ],
}

test.each(Object.keys(badServers))('a server %s is a SourceError', async kind => {
  const [message, listener] = badServers[kind]
  const url = `${await listen(listener)}/model.gguf`
  const reading = httpSource(url).then(source => source.read(0, 10))
  await expect(reading).rejects.toThrow(message)
  await expect(reading).rejects.toBeInstanceOf(SourceError)
})

const filesOf = async (files: readonly OutputFile[], prefix = '') => {
  const map = new Map<string, Uint8Array>()
  for (const file of files) map.set(prefix + file.name, await outputBytes(file))
  return map
}

test('a model opens from a URL: a file, a sharded folder with or without its slash, and any file of it', async () => {
  const checkpoint = tinyCheckpoint()
  const expected = await readAll(checkpoint)
  const files = new Map([
    ...(await filesOf([writeGguf(checkpoint)])),
    ...(await filesOf(writeHuggingFace(checkpoint, { maxShardBytes: 30_000 }), 'folder/')),
    ['folder/tokenizer.model', Uint8Array.of(1, 2, 3)] as const,
  ])
  const base = await serve(files)
  for (const path of ['model.gguf', 'model.gguf?download=true', 'folder', 'folder/', 'folder/config.json']) {
    const opened = await openUrl(`${base}/${path}`)
    expect(opened.config, path).toEqual(tinyConfig)
    expectSameTensors(await readAll(opened), expected)
    if (path.startsWith('folder')) expect(opened.vocabulary?.kind).toBe('file')
  }
  await expect(openUrl(`${base}/nothing/`)).rejects.toThrow(/neither config.json nor params.json/)
})

test('a safetensors file that a URL names is the one that is opened', async () => {
  const [config, model] = writeHuggingFace(tinyCheckpoint())
  const other = memoryCheckpoint(
    tinyConfig,
    new Map([...tinyArrays()].map(([name, array]) => [name, array.map(x => -x)])),
  )
  const files = await filesOf([config, model, { ...writeHuggingFace(other)[1], name: 'other.safetensors' }])
  const opened = await openUrl(`${await serve(files)}/other.safetensors`)
  expectSameTensors(await readAll(opened), await readAll(other))
})

test('a redirect to another server is followed, in every request', async () => {
  const model = await outputBytes(writeGguf(tinyCheckpoint()))
  const target = await serve(new Map([['blobs/abc', model]]))
  const redirects = await listen((_, response) => {
    response.writeHead(302, { location: `${target}/blobs/abc` }).end()
  })
  const opened = await openUrl(`${redirects}/model.gguf`)
  expect(opened.name).toBe(`${redirects}/model.gguf`)
  expectSameTensors(await readAll(opened), await readAll(tinyCheckpoint()))
})

test('of a file on a server only the header and the tensors that are read are sent', async () => {
  const file = await outputBytes(writeLlama2c(tinyCheckpoint({ ...tinyConfig, norm_eps: 1e-5 })))
  const sent = { bytes: 0 }
  const opened = await openUrl(`${await serve(new Map([['model.bin', file]]), sent)}/model.bin`)
  await opened.read('norm.weight')
  expect(sent.bytes).toBeLessThan(600)
})

test('progress counts the bytes of the whole, over all files, and ends at the total', async () => {
  const files = await filesOf(writeHuggingFace(tinyCheckpoint(), { maxShardBytes: 30_000 }))
  const opened = await openCheckpoint(
    [...files].map(([name, content]) => blobSource(new Blob([content as BlobPart]), name)),
  )
  const seen: Progress[] = []
  for await (const [name] of readTensors(opened, { onProgress: progress => seen.push(progress) }))
    expect(name).toBeTruthy()
  const weights = [...opened.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
  expect(seen.at(-1)).toEqual({ loaded: weights, total: weights })
  expect(seen.every((progress, i) => i === 0 || progress.loaded > seen[i - 1].loaded)).toBe(true)
})

test('an aborted save leaves neither the file nor a part of it, and an old file as it was', async () => {
  const target = join(folder, 'saves')
  await saveFile(join(target, 'model.gguf'), writeGguf(tinyCheckpoint()))
  const reason = new Error('stop')
  const controller = new AbortController()
  const files = [
    writeGguf(tinyCheckpoint(), { dtype: 'f16' }),
    writeLlama2c(tinyCheckpoint({ ...tinyConfig, norm_eps: 1e-5 })),
  ]
  const saving = saveFiles(target, files, {
    signal: controller.signal,
    onProgress: ({ loaded, total }) => loaded > total / 2 && controller.abort(reason),
  })
  await expect(saving).rejects.toBe(reason)
  expect(await readdir(target)).toEqual(['model.gguf'])
  const opened = await openPath(join(target, 'model.gguf'))
  onTestFinished(() => opened.close())
  expect(opened.tensors.get('output.weight')?.dtype).toBe('f32')
})
