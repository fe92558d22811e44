import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openPath, saveFile } from '@cria/checkpoint/node'
import { memoryLlama, openLlama, writeGguf } from '@cria/llama'
import { Lora, type LoraOptions, train, warmupCosine } from '@cria/training'
import { loadModel } from 'cria'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const entry = new URL('../peers/node_modules/node-llama-cpp/dist/index.js', import.meta.url)
const stories = fileURLToPath(new URL('../../../../shared/data/stories260K/', import.meta.url))
const fables = fileURLToPath(new URL('../../../../shared/data/stories/tinyfabulist-fables.txt', import.meta.url))
const here = existsSync(entry) && existsSync(stories) && existsSync(fables)

/** The part of node-llama-cpp that is used. It is not a dependency of the workspace, so its types are declared here. */
interface Llama {
  loadModel(options: { modelPath: string }): Promise<{
    readonly tokens: { readonly bos: number }
    detokenize(ids: readonly number[]): string
    createContext(options: { contextSize: number }): Promise<{
      getSequence(): { evaluate(ids: readonly number[], options: { temperature: 0 }): AsyncIterable<number> }
      dispose(): Promise<void>
    }>
    dispose(): Promise<void>
  }>
  dispose(): Promise<void>
}

describe.skipIf(!here)('llama.cpp reads the GGUF files that we write of stories260K', () => {
  let folder: string
  let llama: Llama
  /** Greedy text from the beginning. */
  const textOf = async (path: string, tokens: number): Promise<string> => {
    const model = await llama.loadModel({ modelPath: path })
    const context = await model.createContext({ contextSize: 256 })
    const ids: number[] = []
    for await (const id of context.getSequence().evaluate([model.tokens.bos], { temperature: 0 })) {
      if (ids.push(id) === tokens) break
    }
    const text = model.detokenize(ids)
    await context.dispose()
    await model.dispose()
    return text
  }
  const golden = (): string => JSON.parse(readFileSync(join(stories, 'golden.json'), 'utf8')).cases[0].text
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cria-llama-cpp-'))
    const { getLlama } = await import(entry.href)
    // One thread: the model is so small that several would only wait for each other.
    llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: 'error', maxThreads: 1 })
  })
  afterAll(async () => {
    await llama.dispose()
    await rm(folder, { recursive: true })
  })

  // q4_0 is too coarse for rows of 64: its text differs after 18 words.
  test.each(['f32', 'f16', 'q8_0'] as const)('%s: it continues as llama2.c did, for 100 greedy tokens', async dtype => {
    const checkpoint = await openPath(join(stories, 'stories260K.bin'))
    const { vocabulary, close } = await openPath(join(stories, 'stories260K.gguf'))
    if (vocabulary?.kind !== 'gguf') return expect.fail('no vocabulary in the GGUF file')
    const path = join(folder, `${dtype}.gguf`)
    await saveFile(path, writeGguf(await openLlama(checkpoint), { dtype, vocabulary }))
    await Promise.all([checkpoint.close(), close()])
    const text = await textOf(path, 100)
    expect(text.length).toBeGreaterThan(200)
    expect(golden().slice(0, text.length)).toBe(text)
  })

  test.each<[string, number, LoraOptions | undefined]>([
    ['all weights', 1e-3, undefined],
    ['adapters, merged', 5e-3, { rank: 4, alpha: 8, matrices: ['wq', 'wk', 'wv', 'wo', 'w1', 'w2', 'w3'] }],
  ])('fine-tuned on fables by %s: it writes what Cria writes', async (name, learningRate, options) => {
    const checkpoint = await openPath(join(stories, 'stories260K.gguf'))
    const { vocabulary } = checkpoint
    const { config } = await openLlama(checkpoint)
    if (vocabulary?.kind !== 'gguf') return expect.fail('no vocabulary in the GGUF file')
    const path = join(folder, `${name}.gguf`)
    {
      await using model = await loadModel(join(stories, 'stories260K.gguf'), { device: 'simd', weights: 'f32' })
      const { network, tokenizer } = model
      const [rowTokens, batchTokens, steps] = [128, 512, 25]
      const ids = tokenizer.encode(readFileSync(fables, 'utf8').slice(0, 60_000))
      const row = (n: number) => ({
        ids: ids.slice(rowTokens * n, rowTokens * (n + 1) + 1),
        ...{ documents: [0], source: 0 },
      })
      const lora = options && new Lora(network, options)
      const losses: number[] = []
      for await (const { loss } of train(network, {
        data: { sources: [{ name: 'fables' }], row },
        schedule: warmupCosine({ learningRate, warmupSteps: 3, steps }),
        ...{ rowTokens, batchTokens, steps, parameters: (lora ?? network).parameters() },
      }))
        losses.push(loss)
      expect(losses.at(-1)).toBeLessThan(losses[0] - 0.1)
      lora?.merge()
      const weights = new Map<string, Float32Array>()
      for (const [path, { tensor }] of network.parameters()) weights.set(path, await tensor.read())
      await saveFile(path, writeGguf(memoryLlama(config, weights), { vocabulary }))
    }
    await checkpoint.close()
    await using tuned = await loadModel(path, { device: 'cpu' })
    const expected = await tuned.generate('', { temperature: 0, maxTokens: 60 }).text
    const text = await textOf(path, 60)
    expect(text.trim()).toBe(expected.trim())
    expect(text).not.toBe(golden().slice(0, text.length))
  })
})
