import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { cria, data, hasData, outcome, start } from './cria'

const model = data('stories260K/tok512.model')

describe.skipIf(!hasData)('cria tokenize with the tokenizer of stories260K', () => {
  test('text to ids, and back', async () => {
    const ids = await cria(['tokenize', '--tokenizer', model, '--bos'], 'Once upon a time')
    expect(ids).toEqual({ code: 0, stdout: '1 403 407 261 378\n', stderr: '' })
    const text = await cria(['tokenize', '--tokenizer', data('stories260K/tok512.bin'), '--decode'], ids.stdout)
    expect(text.stdout).toBe('Once upon a time\n')
  })

  test('--jsonl: a text a line, of any characters, and back', async () => {
    const texts = ['Zoo', '', 'two\nlines', 'ünï 🦙', 'a\u2028b']
    const lines = texts.map(text => `${JSON.stringify(text)}\n`).join('')
    const ids = await cria(['tokenize', '--tokenizer', model, '--jsonl'], lines)
    expect(ids.stdout.split('\n')[0]).toBe('[410,469,347]')
    const back = await cria(['tokenize', '--tokenizer', model, '--jsonl', '--decode'], ids.stdout)
    expect(back.stdout).toBe(lines)
  })

  test.each<[string, string[], string | Uint8Array, string]>([
    ['no UTF-8', [], Uint8Array.of(0xff), 'standard input is not UTF-8 text'],
    ['a text that is not an id', ['--decode'], '1 x', '"x" on standard input is not a token id'],
    [
      'an id beyond the vocabulary in a line',
      ['--jsonl', '--decode'],
      '[1]\n[2,512]\n',
      'line 2 of standard input: 512 is not a token id: expected an integer from 0 to 511',
    ],
    ['lists without end', ['--jsonl', '--decode'], '['.repeat(300_000), 'line 1 of standard input is not JSON'],
    [
      'a list in lists',
      ['--jsonl', '--decode'],
      `${'['.repeat(300_000)}${']'.repeat(300_000)}`,
      'line 1 of standard input is not a JSON array of token ids',
    ],
    ['a blank line', ['--jsonl'], '"a"\n\n', 'line 2 of standard input is not JSON'],
    ['an id beyond the vocabulary', ['--decode'], '512', '512 is not a token id: expected an integer from 0 to 511'],
    ['a line that is not JSON', ['--jsonl'], '"a"\noops\n', 'line 2 of standard input is not JSON'],
    ['a line that is not a string', ['--jsonl'], '[1]\n', 'line 1 of standard input is not a JSON string'],
    [
      'a line that holds no ids',
      ['--jsonl', '--decode'],
      '"a"\n',
      'line 1 of standard input is not a JSON array of token ids',
    ],
  ])('refuses %s', async (_, args, input, message) => {
    const { code, stderr } = await cria(['tokenize', '--tokenizer', model, ...args], input)
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^cria: .*\n$/)
    expect(code).toBe(1)
  })

  test('no text has no ids', async () => {
    expect(await cria(['tokenize', '--tokenizer', model])).toEqual({ code: 0, stdout: '\n', stderr: '' })
    expect(await cria(['tokenize', '--tokenizer', model, '--bos'])).toMatchObject({ stdout: '1\n' })
    expect(await cria(['tokenize', '--tokenizer', model, '--decode'])).toMatchObject({ stdout: '\n' })
    expect(await cria(['tokenize', '--tokenizer', model, '--jsonl'])).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test('the vocabulary of a GGUF model', async () => {
    const gguf = data('stories260K/stories260K.gguf')
    expect(await cria(['tokenize', '--tokenizer', gguf, '--bos'], 'Once upon a time')).toEqual({
      code: 0,
      stdout: '1 403 407 261 378\n',
      stderr: '',
    })
  })

  test.each<[NodeJS.Signals, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('%s ends it while it waits for input', async (signal, code) => {
    const child = start(['tokenize', '--tokenizer', model, '--jsonl'])
    child.stdin.write('"Zoo"\n')
    child.stdout.once('data', () => child.kill(signal))
    expect(await outcome(child)).toEqual({ code, stdout: '[410,469,347]\n', stderr: '' })
  })

  test('it ends without an error if the reader closes the pipe', async () => {
    const child = start(['tokenize', '--tokenizer', model, '--jsonl'])
    child.stdin.on('error', () => {})
    child.stdout.once('data', () => child.stdout.destroy())
    const line = `${JSON.stringify(readFileSync(data('stories260K/golden.json'), 'utf8').slice(0, 1000))}\n`
    for (let i = 0; i < 2000; i++) child.stdin.write(line)
    child.stdin.end()
    expect(await outcome(child)).toMatchObject({ code: 0, stderr: '' })
  })
})

test.each<[string, string, string]>([
  ['missing', 'no-such.model', 'no-such.model: does not exist'],
  ['a folder', '.', '.: cannot be opened (it is not a regular file)'],
  ['no tokenizer', 'package.json', 'package.json: '],
  ['of another kind', 'README.md', 'README.md: is not a tokenizer.model, tokenizer.json or tokenizer.bin'],
])('a tokenizer that is %s is told by name', async (_, path, message) => {
  const { code, stderr } = await cria(['tokenize', '--tokenizer', path])
  expect(stderr).toContain(message)
  expect(stderr).toMatch(/^cria: .*\n$/)
  expect(code).toBe(1)
})
