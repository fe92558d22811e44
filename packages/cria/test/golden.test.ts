import { chromium, crossOriginIsolation, runInBrowser } from '@cria/browser'
import { testedDevices, testedInPages } from '@cria/vitest/devices'
import { beforeAll, describe, expect, test } from 'vitest'
import { type DeviceName, listDevices, loadModel } from '../src'
import { generateGreedily, likeliestAfterEach } from './greedy'
import { greedyCases, hasStories, stories } from './stories'

// A trained model of LLaMA 2's architecture writes what llama2.c writes, token for token, on every device.
//
// CPU devices generate every text. GPUs are mostly emulated where tests run, at a few tokens a
// second: they generate one text, and read all others. Greedy decoding gives a text if and only if after each of its tokens
// the next one is the most likely.

const inNode = testedDevices(await listDevices()).filter(({ name }) => name !== 'shape')
const hosts = [
  { name: 'webasm', threads: undefined },
  { name: 'simd', threads: 1 },
  { name: 'simd', threads: 2 },
] as const
const [first] = greedyCases
const load = (device: DeviceName, threads?: number) =>
  loadModel(stories('stories260K.bin'), { tokenizer: stories('tok512.model'), device, threads, cache: 'f32' })
const named = (device: string, threads?: number) =>
  threads ? `${device} with ${threads} ${threads === 1 ? 'thread' : 'threads'}` : device

describe.skipIf(!hasStories)('golden texts of stories260K', () => {
  /** What cpu writes. */
  let written: { readonly text: string; readonly ids: readonly number[] }[]
  /** Ids of each case, prompt and text, without the last one, which is not run. */
  const ran = () => written.map(({ ids }, i) => [...greedyCases[i].prompt_ids, ...ids.slice(0, -1)])
  const begins = (of: readonly number[], ids: readonly number[]) => ids.every((id, at) => of[at] === id)

  /** The cases that are not a prefix of another case: reading these covers all. */
  const sequences = () => {
    const distinct: number[][] = []
    for (const ids of ran().sort((a, b) => b.length - a.length))
      if (!distinct.some(other => begins(other, ids))) distinct.push(ids)
    return distinct
  }

  /** Checks that the device predicts each next token of each case. */
  const expectTexts = (likeliest: readonly (readonly number[])[]) => {
    const read = sequences()
    for (const [i, ids] of ran().entries()) {
      const promptLength = greedyCases[i].prompt_ids.length
      const after = likeliest[read.findIndex(other => begins(other, ids))]
      expect(after.slice(promptLength - 1, ids.length)).toEqual(written[i].ids)
    }
  }

  beforeAll(async () => {
    await using model = await load('cpu')
    written = []
    for (const golden of greedyCases) written.push(await generateGreedily(model, golden))
  }, 60_000)

  test('cpu generates all', () => {
    expect(written.map(({ text }) => text)).toEqual(greedyCases.map(({ text }) => text))
  })

  for (const { name, threads } of hosts)
    test(`${named(name, threads)} generates all`, { timeout: 300_000 }, async () => {
      await using model = await load(name, threads)
      for (const golden of greedyCases) expect((await generateGreedily(model, golden)).text).toBe(golden.text)
    })

  const processors = ['cpu', ...hosts.map(({ name }) => name)]
  for (const { name, available } of inNode.filter(({ name }) => !processors.includes(name)))
    test.skipIf(!available)(`${name} generates one, and reads all`, { timeout: 600_000 }, async () => {
      await using model = await load(name)
      expect((await generateGreedily(model, first)).text).toBe(first.text)
      const likeliest: number[][] = []
      for (const ids of sequences()) likeliest.push(await likeliestAfterEach(model, ids))
      expectTexts(likeliest)
    })

  // A page has threads only where it is isolated from other origins.
  const inPage = [
    { device: 'simd', threads: 2 },
    { device: 'simd', threads: 1 },
    { device: 'webgl2', threads: undefined },
    { device: 'webgl', threads: undefined },
    { device: 'webgpu', threads: undefined },
  ] as const
  for (const { device, threads } of inPage)
    test.skipIf(!chromium || !testedInPages(device))(
      `${named(device, threads)} in Chromium generates one, and reads all`,
      {
        timeout: 600_000,
      },
      async () => {
        const files = { '/stories260K.bin': stories('stories260K.bin'), '/tok512.bin': stories('tok512.bin') }
        const input = { device, golden: first, sequences: sequences() }
        const entry = new URL('./greedy.page.ts', import.meta.url)
        const headers = threads === 2 ? crossOriginIsolation : {}
        const result = await runInBrowser({ entry, input, files, headers, timeout: 580_000 })
        const { ran, on, text, likeliest } = result as { ran: string; on: string; text: string; likeliest: number[][] }
        expect(ran).toBe(device)
        if (threads)
          expect(on).toMatch(threads === 1 ? /1 thread \(the page is not cross-origin isolated/ : /[2-9] threads$/)
        expect(text).toBe(first.text)
        expectTexts(likeliest)
      },
    )
})
