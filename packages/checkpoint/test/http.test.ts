import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import {
  httpSource,
  hubUrl,
  openUrl,
  outputBytes,
  SourceError,
  writeSafetensors,
  writeShardedSafetensors,
} from '../src/index'
import { listen, serve } from './server'
import { bytesByName, folder, gguf, parts, tensor } from './small-models'

const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251)

const rangeOf = (request: IncomingMessage) => {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
  return { from: Number(from), to: Number(to) + 1 }
}

const answer = (request: IncomingMessage, response: ServerResponse, sent = Infinity) => {
  const { from, to } = rangeOf(request)
  response.writeHead(206, { 'content-range': `bytes ${from}-${to - 1}/${bytes.length}` })
  const body = bytes.subarray(from, Math.min(to, from + sent))
  // A body that is cut short ends with its connection.
  if (body.length === to - from) response.end(body)
  else response.write(body, () => response.destroy())
}

const quick = { retryMilliseconds: 1 }

describe('temporary failures are retried', () => {
  test('a broken connection continues from the last received byte', async () => {
    const starts: number[] = []
    const url = await listen((request, response) => {
      starts.push(rangeOf(request).from)
      answer(request, response, 30_000)
    })
    const source = await httpSource(`${url}/model.gguf`, quick)
    let counted = 0
    const read = await source.read(100, 90_000, {
      onBytes: count => {
        counted += count
      },
    })
    expect(Buffer.compare(read, bytes.subarray(100, 90_100))).toBe(0)
    expect(counted).toBe(90_000)
    expect(starts.slice(0, 2)).toEqual([0, 100])
    // Each request begins where the one before ended; none asks for a byte again.
    expect(starts.slice(1)).toEqual([...starts.slice(1)].sort((a, b) => a - b))
    expect(starts.length).toBeGreaterThan(3)
  })

  test.each([408, 429, 500, 502, 503])('an answer of %i', async status => {
    let refusals = 0
    const url = await listen((request, response) => {
      // Two refusals of the first request, and two of the next.
      if (refusals++ % 3 < 2) return void response.writeHead(status, { 'retry-after': '0' }).end()
      answer(request, response)
    })
    const source = await httpSource(`${url}/model.gguf`, quick)
    expect(Buffer.compare(await source.read(0, 1000), bytes.subarray(0, 1000))).toBe(0)
    expect(refusals).toBe(6)
  })

  test('but not forever, and the error has the status', async () => {
    let requests = 0
    const url = await listen((_, response) => {
      requests++
      response.writeHead(503).end()
    })
    const opening = httpSource(`${url}/model.gguf`, quick)
    await expect(opening).rejects.toThrow(/answered 503 .*; try again later/)
    await expect(opening).rejects.toMatchObject({ name: 'SourceError', status: 503 })
    expect(requests).toBe(5)
  })

  test('an abort ends the waiting', async () => {
    const url = await listen((_, response) => void response.writeHead(429, { 'retry-after': '20' }).end())
    const reason = new Error('enough')
    const controller = new AbortController()
    const opening = httpSource(`${url}/model.gguf`, { signal: controller.signal })
    setTimeout(() => controller.abort(reason), 50)
    await expect(opening).rejects.toBe(reason)
  })

  test.each([400, 401, 403, 404, 410, 501])('an answer of %i is final', async status => {
    let requests = 0
    const url = await listen((_, response) => {
      requests++
      response.writeHead(status).end()
    })
    await expect(httpSource(`${url}/model.gguf`, quick)).rejects.toMatchObject({ status })
    expect(requests).toBe(1)
  })
})

/** What servers answer for a file that they do not have. */
const absences: Record<string, (response: ServerResponse) => void> = {
  '404': response => void response.writeHead(404).end(),
  '410 Gone': response => void response.writeHead(410).end(),
  '403 of S3': response => void response.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>'),
  '401': response => void response.writeHead(401).end(),
  '416': response => void response.writeHead(416).end(),
  '200 and a page of a development server': response =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>app</title>'),
}

/** Serves these files, and counts the names that are asked for. */
const server = async (files: ReadonlyMap<string, Uint8Array>, absent: (response: ServerResponse) => void) => {
  const asked = new Set<string>()
  const url = await listen((request, response) => {
    const name = decodeURIComponent(new URL(request.url ?? '', 'http://x').pathname.slice(1))
    asked.add(name)
    const body = files.get(name)
    if (!body) return absent(response)
    const { from, to } = rangeOf(request)
    const end = Math.min(to, body.length)
    response
      .writeHead(206, { 'content-range': `bytes ${from}-${end - 1}/${body.length}` })
      .end(body.subarray(from, end))
  })
  return { url, asked }
}

describe.each(Object.keys(absences))('a server that answers %s for what it does not have', name => {
  test('has no optional files', async () => {
    const { url } = await server(await bytesByName(folder()), absences[name])
    const checkpoint = await openUrl(`${url}/`)
    expect([...checkpoint.tensors.keys()]).toEqual(['a'])
    expect(checkpoint.vocabulary).toBeUndefined()
  })

  test('has no model if a required file is among them', async () => {
    const { url } = await server(new Map(), absences[name])
    await expect(openUrl(`${url}/model.gguf`)).rejects.toBeInstanceOf(SourceError)
    await expect(openUrl(`${url}/`)).rejects.toThrow(/has neither config.json nor params.json/)
  })
})

test('no tokenizer is requested if the caller has one', async () => {
  const files = new Map([...(await bytesByName(folder({ 'generation_config.json': {} })))])
  const { url, asked } = await server(files, absences['404'])
  await openUrl(`${url}/`, { vocabulary: false })
  expect([...asked].filter(name => /tokenizer\.|added_tokens|special_tokens/.test(name))).toEqual([])
  expect(asked).toContain('generation_config.json')
})

test('no file next to a GGUF file is requested, except the other parts of a split one', async () => {
  const whole = await server(await bytesByName([gguf()]), absences['404'])
  await openUrl(`${whole.url}/model.gguf`)
  expect([...whole.asked]).toEqual(['model.gguf'])
  const files = await bytesByName(parts(3))
  const split = await server(files, absences['404'])
  const checkpoint = await openUrl(`${split.url}/m-00002-of-00003.gguf`)
  expect([...checkpoint.tensors.keys()]).toEqual(['t0', 't1', 't2'])
  expect([...split.asked].sort()).toEqual([...files.keys()])
})

test('an index is not requested if the whole file exists', async () => {
  const { url, asked } = await server(await bytesByName(folder()), absences['404'])
  await openUrl(`${url}/config.json`)
  expect(asked).not.toContain('model.safetensors.index.json')
})

test('headers and the query go with every request', async () => {
  const files = await bytesByName(folder())
  const seen: string[] = []
  const url = await listen((request, response) => {
    const { pathname, search } = new URL(request.url ?? '', 'http://x')
    seen.push(`${request.headers.authorization}${search}`)
    const body = files.get(pathname.slice(1))
    if (!body) return void response.writeHead(404).end()
    const { from, to } = rangeOf(request)
    const end = Math.min(to, body.length)
    response
      .writeHead(206, { 'content-range': `bytes ${from}-${end - 1}/${body.length}` })
      .end(body.subarray(from, end))
  })
  await openUrl(`${url}/?token=1`, { headers: { authorization: 'Bearer x' } })
  expect(new Set(seen)).toEqual(new Set(['Bearer x?token=1']))
})

test('names that need escaping are escaped', async () => {
  const [part] = await Promise.all([bytesByName(parts(2))])
  const files = new Map([...part].map(([name, body]) => [`a b/${name.replace('m-', 'C# 1-')}`, body]))
  const { url } = await server(files, absences['404'])
  const checkpoint = await openUrl(`${url}/a%20b/C%23%201-00001-of-00002.gguf`)
  expect(checkpoint.tensors.size).toBe(2)
})

test.each([
  ['hf:owner/name', 'https://huggingface.co/owner/name/resolve/main/'],
  ['hf:owner/na.me-1', 'https://huggingface.co/owner/na.me-1/resolve/main/'],
  ['hf://owner/name', 'https://huggingface.co/owner/name/resolve/main/'],
  ['hf:owner/name@v1.0', 'https://huggingface.co/owner/name/resolve/v1.0/'],
  ['hf:owner/name/a/model Q4.gguf', 'https://huggingface.co/owner/name/resolve/main/a/model%20Q4.gguf'],
])('%s is a location on the hub', (location, expected) => {
  expect(hubUrl(location)).toBe(expected)
})

test.each(['hf:', 'hf:owner', 'hf:owner/', 'hf:/name', 'hf:owner//x', 'x-hf:a/b'])(
  '%s is not a location on the hub',
  location => {
    const wanted = `${location}: is not a location on the hub; expected hf:OWNER/NAME or hf:OWNER/NAME/FILE`
    expect(() => hubUrl(location)).toThrow(new SourceError({ file: location }, wanted.slice(location.length + 2)))
  },
)

test('a folder without weights says what it should have', async () => {
  const [config] = folder()
  const url = await serve(await bytesByName([config]))
  await expect(openUrl(`${url}/`)).rejects.toThrow(
    `${url}/: has a config.json, but neither model.safetensors nor model.safetensors.index.json; if it has GGUF files`,
  )
  const empty = await serve(new Map())
  await expect(openUrl(`${empty}/`)).rejects.toThrow(`${empty}/: has neither config.json nor params.json`)
})

describe('a model on a server', () => {
  test('opens from a file, from a folder with or without its slash, and from any file of it', async () => {
    const shards = writeShardedSafetensors([tensor('a', 7), tensor('b', 8)], 16)
    const [config] = folder()
    const inFolder = [...(await bytesByName([config, ...shards]))].map(
      ([name, body]) => [`folder/${name}`, body] as const,
    )
    const url = await serve(new Map([...(await bytesByName([gguf()])), ...inFolder]))
    for (const path of ['model.gguf', 'model.gguf?download=true']) {
      expect((await openUrl(`${url}/${path}`)).vocabulary?.kind).toBe('gguf')
    }
    const first = 'folder/model-00001-of-00002.safetensors'
    for (const path of ['folder', 'folder/', 'folder/config.json', first]) {
      const checkpoint = await openUrl(`${url}/${path}`)
      expect([...checkpoint.tensors.keys()], path).toEqual(['a', 'b'])
      expect((await checkpoint.read('b')).data[0]).toBe(8)
    }
  })

  test('is the safetensors file that is named, with any other files next to it', async () => {
    const files = [...folder(), writeSafetensors('other.safetensors', [tensor('b', 8)])]
    const checkpoint = await openUrl(`${await serve(await bytesByName(files))}/other.safetensors`)
    expect([...checkpoint.tensors.keys()]).toEqual(['b'])
  })

  test('is followed through a redirect to another server, in every request', async () => {
    const target = await serve(new Map([['blobs/abc', await outputBytes(gguf())]]))
    const redirects = await listen(
      (_, response) => void response.writeHead(302, { location: `${target}/blobs/abc` }).end(),
    )
    const checkpoint = await openUrl(`${redirects}/model.gguf`)
    expect(checkpoint.name).toBe(`${redirects}/model.gguf`)
    expect((await checkpoint.read('a')).data[0]).toBe(7)
  })

  test('sends only the header and the tensors that are read', async () => {
    const large = { ...tensor('large', 0), shape: [1024, 1024], bytes: async () => new Uint8Array(2 ** 22) }
    const file = writeSafetensors('model.safetensors', [tensor('a', 7), large])
    const sent = { bytes: 0 }
    const url = await serve(await bytesByName([folder()[0], file]), sent)
    const checkpoint = await openUrl(`${url}/`)
    await checkpoint.read('a')
    expect(sent.bytes).toBeLessThan(1000)
  })
})
