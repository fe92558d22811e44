import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { trainTokenizer } from '@cria/tokenizer'
import { expect, test } from 'vitest'
import { criaContender } from '../contenders.mjs'
import { dataPath, missing, model, timed, trained, warmUp } from '../texts.mjs'

const main = fileURLToPath(new URL('../main.mjs', import.meta.url))

test("Cria's contender takes text to ids without BOS, and back", async () => {
  const tokenizer = await trainTokenizer(['the llama ate the grass'], { vocabSize: 274, characterCoverage: 1 })
  const { name, encode, decode } = criaContender(tokenizer)
  expect(name).toBe('Cria')
  expect(encode('the llama')).not.toContain(tokenizer.bosId)
  expect(decode(encode('the  llama 🦙'))).toBe('the  llama 🦙')
})

test('no text that is timed has been read before', () => {
  expect(new Set([...warmUp, ...timed]).size).toBe(warmUp.length + timed.length)
  expect(missing()).toEqual([model, ...[...warmUp, ...timed, trained].map(dataPath)].filter(path => !existsSync(path)))
})

test.skipIf(missing().length > 0)(
  '--worst-cases times a million characters of four kinds, and no other tokenizer',
  () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--worst-cases'], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const rows = stdout.split('\n').filter(line => / ms .* times prose$/.test(line))
    expect(rows.map(row => row.slice(0, 26).trim())).toEqual([
      'prose',
      'prose without a space',
      'one letter',
      'Chinese characters',
    ])
  },
)
