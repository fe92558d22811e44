import { readFileSync } from 'node:fs'
import { chromium, runInBrowser } from '@cria/browser'
import { memorySource, openCheckpoint } from '@cria/checkpoint'
import { openLlama } from '@cria/llama'
import { expect, test } from 'vitest'
import { readStories } from '../src'
import config from '../train/config.json'

test('the bytes are those of the file, and each caller has its own', async () => {
  const file = readFileSync(new URL('../weights/stories.gguf', import.meta.url))
  const [first, second] = [await readStories(), await readStories()]
  expect(Buffer.from(first).equals(file)).toBe(true)
  first.fill(0)
  expect(Buffer.from(second).equals(file)).toBe(true)
  expect(second.length).toBeLessThan(4e6)
})

test('they hold the model of the config, with its tokenizer', async () => {
  const checkpoint = await openCheckpoint([memorySource(await readStories(), 'stories.gguf')])
  const { config: found, vocabulary } = await openLlama(checkpoint)
  expect(found).toMatchObject(config.model)
  expect(found.vocab_size).toBe(2048)
  expect(vocabulary?.kind === 'gguf' && vocabulary.tokens.length).toBe(2048)
})

test.skipIf(!chromium)('a page has them without another file', { timeout: 300_000 }, async () => {
  const entry = new URL('./stories.page.ts', import.meta.url)
  expect(await runInBrowser({ entry })).toEqual({ magic: 'GGUF', length: (await readStories()).length })
})
