import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { memorySource, openCheckpoint, outputBytes } from '@cria/checkpoint'
import { openPath } from '@cria/checkpoint/node'
import { llamaWeights, memoryLlama, resolveConfig, writeGguf } from '@cria/llama'
import { llama2 } from '@cria/llama2'
import { generate } from '@cria/sampling'
import { loadTokenizer } from '@cria/tokenizer'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  CheckpointError,
  DeviceClosedError,
  DeviceUnavailableError,
  DisposedError,
  LoadError,
  type LoadOptions,
  listDevices,
  loadModel,
  loadNetwork,
  loadWeights,
  type Model,
  type ModelLocation,
  openDevice,
  PromptError,
} from '../src'
import * as page from '../src/platform/page'
import { generateGreedily } from './greedy'
import { greedyCases, hasStories, stories } from './stories'

const golden = { ...greedyCases[0], steps: 60 }

/** What the model at a place writes, on the device cpu. */
const textOf = async (from: ModelLocation, options: LoadOptions = {}): Promise<string> => {
  await using model = await loadModel(from, { device: 'cpu', ...options })
  return (await generateGreedily(model, golden)).text
}

/** Pieces that a model writes until `end`, after the third, ends it with an error of this class. */
const piecesUntil = async (model: Model, end: () => Promise<void>, expected: new (...of: never[]) => Error) => {
  let pieces = 0
  const write = async () => {
    for await (const _ of model.generate('Once upon a time', { temperature: 0, maxTokens: 20 }))
      if (++pieces === 3) await end()
  }
  await expect(write()).rejects.toThrow(expected)
  return pieces
}

const begins = (text: string) => expect(text.length > 100 && golden.text.startsWith(text), text).toBe(true)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-load-'))
})
afterAll(() => rm(folder, { recursive: true }))

const webgpu = (await listDevices()).find(({ name }) => name === 'webgpu')?.available

test.skipIf(!webgpu)('the device gets the precision', async () => {
  await using model = await loadModel(undefined, { device: 'webgpu', precision: 'int8' })
  expect(model.device.precision).toBe('int8')
})

describe.skipIf(!hasStories)('stories260K writes the same from every place', () => {
  const withTokenizer = { tokenizer: stories('tok512.model') }
  const source = (name: string) => memorySource(new Uint8Array(readFileSync(stories(name))), name)

  test('sources and files, as a page has them', async () => {
    begins(await textOf([source('stories260K.bin'), source('tok512.bin')]))
    begins(await textOf([new File([readFileSync(stories('stories260K.gguf'))], 'model.gguf')]))
  })

  test('a file: URL', async () => {
    begins(await textOf(pathToFileURL(stories('stories260K.bin'))))
    begins(await textOf(stories('stories260K.bin'), { tokenizer: pathToFileURL(stories('tok512.bin')).href }))
  })

  test('a server, by ranges', async () => {
    const server = createServer((request, response) => {
      const path = stories(basename(request.url as string))
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
      if (!existsSync(path) || from === undefined) return void response.writeHead(404).end()
      const bytes = readFileSync(path)
      const part = bytes.subarray(Number(from), Number(to) + 1)
      response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${bytes.length}` }).end(part)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      begins(await textOf(`${origin}/stories260K.gguf`))
      begins(await textOf(new URL(`${origin}/stories260K.bin`), { tokenizer: `${origin}/tok512.model` }))
      // A page's own paths lead to its server.
      vi.stubGlobal('location', { href: `${origin}/app/index.html` })
      const checkpoint = await page.openPath('../stories260K.bin', {})
      const tokenizer = await page.fileSource('/tok512.bin')
      begins(await textOf(checkpoint, { tokenizer: await tokenizer.read(0, tokenizer.size) }))
    } finally {
      vi.unstubAllGlobals()
      server.closeAllConnections()
      server.close()
    }
  })

  test('an open checkpoint, which stays open', async () => {
    const checkpoint = await openPath(stories('stories260K.bin'))
    begins(await textOf(checkpoint))
    begins(await textOf(checkpoint, { tokenizer: loadTokenizer(readFileSync(stories('tok512.bin'))) }))
    await checkpoint.close()
  })

  test('a device that is opened with a model may be closed more than once', async () => {
    await using model = await loadModel(stories('stories260K.gguf'), { device: 'simd' })
    await model.dispose()
    expect(model.device.memory.allocations).toBe(0)
  })

  test('a device opened by the caller stays open, and holds no memory afterwards', async () => {
    await using device = await openDevice('cpu')
    begins(await textOf(stories('stories260K.bin'), { device }))
    expect(device.memory).toEqual({ allocations: 0, bytes: 0 })
    using x = device.tensor([1], [1])
    expect([...(await x.read())]).toEqual([1])
  })

  test('the error of a wrong prompt is exported', async () => {
    await using model = await loadModel(stories('stories260K.bin'), { device: 'cpu' })
    expect(() => model.generate(undefined as never)).toThrow(PromptError)
  })

  test('a model that is disposed of ends what it writes and takes no more, also on a device that the caller opened', async () => {
    await using device = await openDevice('cpu')
    for (const where of ['cpu', device] as const) {
      const model = await loadModel(stories('stories260K.bin'), { device: where })
      expect(await piecesUntil(model, () => model.dispose(), DisposedError)).toBe(3)
      await expect(model.generate('Once').all).rejects.toThrow('the model was disposed of: load it again')
      await expect(model.generateBatch(['Once']).all).rejects.toThrow(DisposedError)
    }
    expect(device.memory.allocations).toBe(0)
  })

  test('a network without a tokenizer generates the same ids', async () => {
    await using model = await loadModel(stories('stories260K.bin'), { device: 'simd' })
    const options = { temperature: 0, maxTokens: 12 }
    const expected = await generate(model, golden.prompt_ids, options).all
    await using loaded = await loadNetwork(stories('stories260K.bin'), { device: 'simd' })
    const found = await generate(loaded.sequences, golden.prompt_ids, options).all
    expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id))
    expect(found).toHaveLength(12)
    const { device } = loaded
    await loaded[Symbol.asyncDispose]()
    expect(device.memory.allocations).toBe(0)
    await expect(generate(loaded.sequences, golden.prompt_ids, options).all).rejects.toThrow(DisposedError)
  })

  test.each(['simd', 'cpu', 'webasm'] as const)(
    'a device %s that is closed while a model writes is an error',
    async name => {
      const device = await openDevice(name)
      const model = await loadModel(stories('stories260K.bin'), { device })
      expect(await piecesUntil(model, () => device.close(), DeviceClosedError)).toBe(3)
      await model.dispose()
    },
  )

  test('quantised weights write a story too', async () => {
    const text = await textOf(stories('stories260K-q8.bin'), withTokenizer)
    expect(text.startsWith('Once upon a time, there was a little girl named Lily.')).toBe(true)
  })

  test('progress grows to the whole', async () => {
    const seen: { loaded: number; total: number }[] = []
    await textOf(stories('stories260K.bin'), { onProgress: progress => seen.push({ ...progress }) })
    const loaded = seen.map(progress => progress.loaded)
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b))
    expect(loaded.at(-1)).toBe(seen[0].total)
  })

  test('an abort ends it with its reason', async () => {
    const controller = new AbortController()
    const reason = new Error('the user left')
    const onProgress = () => controller.abort(reason)
    await using device = await openDevice('cpu')
    const loading = loadModel(stories('stories260K.bin'), { device, signal: controller.signal, onProgress })
    await expect(loading).rejects.toBe(reason)
    expect(device.memory).toEqual({ allocations: 0, bytes: 0 })
  })
})

describe('what cannot be loaded', () => {
  const config = {
    dim: 16,
    n_layers: 1,
    n_heads: 2,
    n_kv_heads: 2,
    vocab_size: 40,
    hidden_dim: 24,
    norm_eps: 1e-5,
    max_seq_len: 32,
    rope_theta: 10000,
    tied_output: false,
  }
  const arrays = new Map(
    [...llamaWeights(resolveConfig(config))].map(({ path, shape }) => [
      path,
      new Float32Array(shape.reduce((a, b) => a * b)),
    ]),
  )
  const tinyWeights = memoryLlama(config, arrays)
  /** The tiny model as an open GGUF file without a tokenizer. */
  const tiny = async () => openCheckpoint(memorySource(await outputBytes(writeGguf(tinyWeights)), 'tiny.gguf'))

  const refused = async (from: ModelLocation, options?: LoadOptions): Promise<Error> =>
    loadModel(from, options).then(
      () => expect.unreachable('it was loaded'),
      error => error,
    )

  test('a missing file', async () => {
    const error = await refused(join(folder, 'none.gguf'))
    expect(error).toBeInstanceOf(CheckpointError)
    expect(error.message).toContain('none.gguf: does not exist; check the path')
  })

  test.each([
    ['an empty file', ''],
    ['a foreign file', 'name,age\nLily,7\n'.repeat(50)],
  ])('%s', async (_, text) => {
    const path = join(folder, 'foreign.bin')
    await writeFile(path, text)
    const error = await refused(path)
    expect(error).toBeInstanceOf(CheckpointError)
    expect(error.message).toContain('foreign.bin')
  })

  test('an empty folder', async () => {
    const empty = await mkdtemp(join(folder, 'empty-'))
    expect((await refused(empty)).message).toContain('has no model')
  })

  test('a model without a tokenizer', async () => {
    const error = await refused(await tiny())
    expect(error).toBeInstanceOf(LoadError)
    expect(error.message).toBe(
      'tiny.gguf has no tokenizer in it or beside it: name one (tokenizer.model, tokenizer.json or tokenizer.bin)',
    )
  })

  test('a file that is not a tokenizer', async () => {
    const error = await refused(await tiny(), { tokenizer: new TextEncoder().encode('no tokenizer at all') })
    expect(error.name).toBe('TokenizerFormatError')
    expect((await refused(await tiny(), { tokenizer: join(folder, 'tok.model') })).message).toContain('tok.model')
  })

  test.skipIf(!hasStories)('a tokenizer of another size', async () => {
    const error = await refused(await tiny(), { tokenizer: stories('tok512.model') })
    expect(error).toBeInstanceOf(LoadError)
    expect(error.message).toBe(
      'the tokenizer has 512 tokens, the model tiny.gguf has 40: give the tokenizer that it was trained with',
    )
  })

  test.skipIf(!hasStories)('an unknown device, and one that cannot run here', async () => {
    const options = { tokenizer: stories('tok512.bin') }
    const unknown = await refused(stories('stories260K.bin'), { ...options, device: 'gpu' as never })
    expect(unknown).toBeInstanceOf(DeviceUnavailableError)
    const elsewhere = await refused(stories('stories260K.bin'), { ...options, device: 'webgl2' })
    expect(elsewhere.message).toContain('it needs a browser')
  })

  test('an option that is misspelt', async () => {
    const error = await refused(await tiny(), { devise: 'cpu' } as LoadOptions)
    expect(error.message).toMatch(
      /^loadModel has no option "devise": it knows device, threads, tune, precision, tokenizer/,
    )
  })

  test('threads for a device that has none', async () => {
    const error = await refused(await tiny(), { device: 'cpu', threads: 2 })
    expect(error.message).toBe('threads are for a device "simd" that is opened here: leave them out')
  })

  test.each([
    [{ precision: 'f64' as never }, 'precision is "f64", expected f32, f16, int8'],
    [{ device: 'cpu', precision: 'f16' }, 'precision is for a device "webgpu" that is opened here: leave it out'],
    [
      { precision: 'int8', tune: 'off' },
      'precision int8 is what tuning may choose, and tune is off: leave one of them out',
    ],
  ] satisfies [LoadOptions, string][])('a precision that would be ignored: %o', async (options, message) => {
    expect(await refused(await tiny(), options)).toEqual(new LoadError(message))
  })

  test.each([
    [{ n_layers: 2 }, 'memory: tensor "layers.1.attention.wq.weight" is missing'],
    [{ tied_output: true }, 'memory: tensor "output.weight" has no place in this model'],
    [{ hidden_dim: 32 }, 'memory: tensor "layers.0.feed_forward.w1.weight" is [24,16], and [32,16] in this model'],
  ])('tensors that do not belong to the model, before any is read: %o', async (changed, message) => {
    await using device = await openDevice('cpu')
    const network = llama2(device, { ...config, ...changed })
    const onProgress = () => expect.unreachable('a tensor was read')
    await expect(loadWeights(network, tinyWeights, { onProgress })).rejects.toThrow(new LoadError(message))
    expect(device.memory.allocations).toBe(0)
  })

  test.skipIf(!hasStories)('weights of a type that the device does not read', async () => {
    const error = await refused(stories('stories260K.bin'), { device: 'cpu', weights: 'q8_0' })
    expect(error).toBeInstanceOf(LoadError)
    expect(error.message).toBe('device "cpu" reads weights as f32, not q8_0')
  })
})
