import { readFile } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { chromium, runInBrowser } from '@cria/browser'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DeviceUnavailableError, type LoadOptions, loadModel, SourceError, WorkerError, type WorkerModel } from '../src'
import { generateGreedily } from './greedy'
import { greedyCases, hasStories, stories } from './stories'
import { bundleWorker, workerFile } from './worker-script'

const [golden] = greedyCases
const options = { tokenizer: stories('tok512.model'), device: 'simd', threads: 1, cache: 'f32' } as const

describe.skipIf(!hasStories)('a model in a worker', () => {
  let script: Awaited<ReturnType<typeof workerFile>>
  const workers: Worker[] = []
  const start = (): Worker => {
    const worker = new Worker(script.url)
    workers.push(worker)
    return worker
  }
  const load = (more: LoadOptions = {}): Promise<WorkerModel> =>
    loadModel(stories('stories260K.bin'), { ...options, ...more, worker: start() })

  beforeAll(async () => {
    script = await workerFile()
  }, 60_000)
  afterAll(async () => {
    await Promise.all(workers.map(worker => worker.terminate()))
    await script?.[Symbol.asyncDispose]()
  })

  test('writes what llama2.c writes, and says what it is', async () => {
    const seen: number[] = []
    await using model = await load({ onProgress: ({ loaded, total }) => seen.push(loaded / total) })
    for (const each of greedyCases) expect((await generateGreedily(model, each)).text).toBe(each.text)
    expect(seen.at(-1)).toBe(1)
    expect(model.device.name).toBe('simd')
    expect(model.device.bytes).toBeGreaterThan(1e6)
    expect(model.maxSeqLen).toBe(512)
    expect(model.tokenizer.vocabSize).toBe(512)
  })

  test('samples, answers side by side and keeps sessions as a model does here', async () => {
    await using here = await loadModel(stories('stories260K.bin'), options)
    await using there = await load()
    const sampled = { seed: 7, temperature: 1, maxTokens: 40 }
    expect(await there.generate('Once', sampled).text).toBe(await here.generate('Once', sampled).text)
    const batch = { ...sampled, n: 3 }
    const answers = async (model: typeof here | typeof there) =>
      await model.generateBatch(['Once', 'The cat'], batch).all
    expect(JSON.stringify(await answers(there))).toBe(JSON.stringify(await answers(here)))

    const session = there.createSession()
    const first = there.generate('Once upon a time', { session, temperature: 0, maxTokens: 20 })
    const text = `Once upon a time${await first.text}`
    const second = there.generate(text, { session, temperature: 0, maxTokens: 5 })
    await second.all
    expect(second.stats.cachedTokens).toBeGreaterThan(15)
    session.dispose()
  })

  test('gathers what observers see', async () => {
    await using here = await loadModel(stories('stories260K.bin'), options)
    await using there = await load()
    const ids = Array.from(here.tokenizer.encode('Once upon a time there was a cat', { bos: true }))
    const wanted = { logits: 'all', observe: /^layers\.[04](\.attention\.weights)?$/ } as const
    const expected = await here.inspect(ids, wanted)
    const seen = await there.inspect(ids, wanted)
    expect([...seen.values.keys()]).toEqual([
      'layers.0.attention.weights',
      'layers.0',
      'layers.4.attention.weights',
      'layers.4',
    ])
    expect(seen).toEqual(expected)
    const { shape, data } = seen.values.get('layers.4') as NonNullable<ReturnType<typeof seen.values.get>>
    expect(shape).toEqual([ids.length, 64])
    // The head of the last layer's states gives the logits.
    const logits = await there.head({ shape, data })
    expect(logits).toEqual(seen.logits)
    const weights = seen.values.get('layers.0.attention.weights')
    expect(weights?.shape).toEqual([ids.length, 8, ids.length])

    const { profile } = await there.inspect(ids, { profile: true })
    // Without a cache, queries, keys and values are products of their own.
    expect(profile.find(({ op }) => op === 'linear')?.calls).toBe(5 * 3)
    expect(profile.find(({ op }) => op === 'normGatedLinear')?.calls).toBe(5)
  })

  test('an abort takes effect during a text, during a prompt, and while loading', async () => {
    const reason = new Error('enough')
    await using model = await load()
    const stop = new AbortController()
    const text = model.generate('Once', { maxTokens: 400, signal: stop.signal })
    const read = (async () => {
      for await (const _ of text) if (text.stats.tokens === 5) stop.abort(reason)
    })()
    await expect(read).rejects.toBe(reason)
    expect(text.finishReason).toBe('abort')

    const soon = new AbortController()
    const long = model.generate(new Uint32Array(500).fill(300), { signal: soon.signal, maxTokens: 2 })
    setTimeout(() => soon.abort(reason), 0)
    await expect(long.all).rejects.toBe(reason)
    // After an abort, the next text is the usual one.
    expect((await generateGreedily(model, golden)).text).toBe(golden.text)

    const loading = new AbortController()
    await expect(load({ signal: loading.signal, onProgress: () => loading.abort(reason) })).rejects.toBe(reason)
  })

  test('errors have their class, and what cannot be sent to a worker is refused', async () => {
    const worker = start()
    const error = await loadModel(stories('absent.gguf'), { worker }).catch(error => error)
    expect(error).toBeInstanceOf(SourceError)
    expect(error).toMatchObject({ name: 'SourceError', file: expect.stringContaining('absent.gguf') })
    await expect(loadModel('model.gguf', { worker, architectures: [] })).rejects.toThrow(
      'serveModels({ architectures })',
    )
    await expect(loadModel('model.gguf', { worker, colour: 1 } as LoadOptions)).rejects.toThrow('no option "colour"')
    const unavailable = await loadModel(stories('stories260K.bin'), {
      ...options,
      threads: undefined,
      worker,
      device: 'webgl2',
    }).catch(error => error)
    expect(unavailable).toBeInstanceOf(DeviceUnavailableError)
    expect(unavailable).toMatchObject({ name: 'DeviceUnavailableError', device: 'webgl2' })
  })

  test('bytes and blobs can be sent, and several models share a worker', async () => {
    const worker = start()
    const bytes = new Uint8Array(await readFile(stories('stories260K.bin')))
    const tokenizer = new Uint8Array(await readFile(stories('tok512.bin')))
    const blob = new File([bytes], 'stories260K.bin')
    await using first = await loadModel([blob, new File([tokenizer], 'tok512.bin')], {
      ...options,
      tokenizer: undefined,
      worker,
    })
    await using second = await loadModel(bytes, { ...options, tokenizer, worker })
    expect((await generateGreedily(first, golden)).text).toBe(golden.text)
    await first.dispose()
    expect((await generateGreedily(second, golden)).text).toBe(golden.text)
    await expect(first.generate('Once', { maxTokens: 1 }).all).rejects.toThrow(WorkerError)
  })

  test('if a worker dies, all calls that wait for it are rejected', async () => {
    const worker = start()
    await using model = await loadModel(stories('stories260K.bin'), { ...options, worker })
    const text = model.generate('Once', { maxTokens: 400 })
    const read = (async () => {
      for await (const _ of text) if (text.stats.tokens === 3) void worker.terminate()
    })()
    await expect(read).rejects.toThrow(WorkerError)
    await expect(model.generate('Once').all).rejects.toThrow('Load the model again')
  })

  test.skipIf(!chromium)('in a page', { timeout: 300_000 }, async () => {
    const files = {
      '/worker.js': await bundleWorker('browser'),
      '/stories260K.bin': stories('stories260K.bin'),
      '/tok512.bin': stories('tok512.bin'),
    }
    const entry = new URL('./worker.page.ts', import.meta.url)
    const seen = await runInBrowser({ entry, files, input: golden })
    expect(seen).toEqual({ text: golden.text, stopped: 'abort', error: 'SourceError', address: '/absent.bin' })
  })
})
