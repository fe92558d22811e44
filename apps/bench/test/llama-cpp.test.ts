import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openPath, saveFile } from '@cria/checkpoint/node'
import { openLlama, writeGguf } from '@cria/llama'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const entry = new URL('../peers/node_modules/node-llama-cpp/dist/index.js', import.meta.url)
const stories = fileURLToPath(new URL('../../../../shared/data/stories260K/', import.meta.url))
const here = existsSync(entry) && existsSync(stories)

/** The part of node-llama-cpp that is used. It is no dependency of the workspace, so its types are not here. */
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

describe.skipIf(!here)('llama.cpp goes on as llama2.c did, from the GGUF that we write of stories260K', () => {
  let folder: string
  let llama: Llama
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
  test.each(['f32', 'f16', 'q8_0'] as const)('%s, for 100 greedy tokens', async dtype => {
    const golden: string = JSON.parse(readFileSync(join(stories, 'golden.json'), 'utf8')).cases[0].text
    const checkpoint = await openPath(join(stories, 'stories260K.bin'))
    const { vocabulary, close } = await openPath(join(stories, 'stories260K.gguf'))
    if (vocabulary?.kind !== 'gguf') return expect.fail('no vocabulary in the GGUF file')
    const path = join(folder, `${dtype}.gguf`)
    await saveFile(path, writeGguf(await openLlama(checkpoint), { dtype, vocabulary }))
    await Promise.all([checkpoint.close(), close()])
    const model = await llama.loadModel({ modelPath: path })
    const context = await model.createContext({ contextSize: 256 })
    const ids: number[] = []
    for await (const id of context.getSequence().evaluate([model.tokens.bos], { temperature: 0 })) {
      if (ids.push(id) === 100) break
    }
    const text = model.detokenize(ids)
    await context.dispose()
    await model.dispose()
    expect(text.length).toBeGreaterThan(200)
    expect(golden.slice(0, text.length)).toBe(text)
  })
})
