import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '@cria/vitest/random'
import { expect, test } from 'vitest'
import { readGgufVocabulary, readTokenizerJson, Tokenizer } from '../src/index'
import { byteLevelTexts } from './byte-level-texts'
import { hasData } from './data'
import { ggufVocabulary } from './gguf'

// CRIA_TOKENIZERS is the folder that tooling/referee/tokenizer/byte_level.py describes: published vocabularies, which
// are too large to be committed. The fixture has a hash of the ids of Hugging Face's tokenizers for each group of texts.
// All groups take minutes, for which CRIA_FUZZ_SECONDS asks. Without it, each run compares the groups that have the most cases for
// their size, and one text of many words, which CRIA_SEED draws.
const folder = process.env.CRIA_TOKENIZERS
const fixtureUrl = new URL('./byte-level.fixture.json', import.meta.url)
const fixture = JSON.parse(readFileSync(fixtureUrl, 'utf8')) as Record<string, Record<string, string>>

const read = (file: string) => readFileSync(join(folder ?? '', file))

const tokenizers: Record<string, readonly [file: string, open: () => Tokenizer]> = {
  gpt2: ['gpt2.json', () => readTokenizerJson(read('gpt2.json'))],
  'gpt2 by default': [
    'gpt2.json',
    () => {
      const { vocabulary } = readTokenizerJson(read('gpt2.json'))
      if (vocabulary.rules === undefined) throw new Error('GPT-2 has no rules')
      const splits = ['punctuation', 'gpt2', 'digit runs', 'digit triples'] as const
      return new Tokenizer({ ...vocabulary, rules: { ...vocabulary.rules, splits } })
    },
  ],
  llama3: ['llama3.json', () => readTokenizerJson(read('llama3.json'))],
  smollm2: ['smollm2.gguf', () => readGgufVocabulary(ggufVocabulary(read('smollm2.gguf')))],
}

const hasTexts = (group: string) => (group.endsWith('.txt') ? hasData(group) : hasData('llama2-tokenizer-vectors'))

const rich = ['vectors', 'code points together', 'random']
const files = Object.keys(fixture.gpt2).filter(group => group.endsWith('.txt'))
const drawn = new Random(Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 31)).integer(0, files.length - 1)
const isCompared = (group: string) =>
  process.env.CRIA_FUZZ_SECONDS !== undefined || [...rich, files[drawn]].includes(group)

for (const [name, groups] of Object.entries(fixture)) {
  const [file, open] = tokenizers[name]
  const hasFile = folder !== undefined && existsSync(join(folder, file))
  const needs = `Hugging Face's ids with ${name}, which need ../shared/data and, in the folder CRIA_TOKENIZERS, ${file}`
  let tokenizer: Tokenizer | undefined
  for (const [group, hash] of Object.entries(groups).filter(([each]) => isCompared(each)))
    test.skipIf(!hasFile || !hasTexts(group))(`${needs}: ${group}`, { timeout: 600_000 }, () => {
      tokenizer ??= open()
      const hasAllBytes = name !== 'smollm2'
      const digest = createHash('sha256')
      for (const text of byteLevelTexts(group)) {
        const ids = tokenizer.encode(text)
        digest.update(Uint32Array.of(ids.length))
        digest.update(ids)
        // SmolLM2 has no pieces for some bytes, and no unk: such characters vanish, there as here.
        // An expectation is slow, and there are a million texts.
        if (hasAllBytes && tokenizer.decode(ids) !== text) expect(tokenizer.decode(ids)).toBe(text)
      }
      expect(digest.digest('hex').slice(0, 32)).toBe(hash)
    })
}
