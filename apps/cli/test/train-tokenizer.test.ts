import { execFileSync } from 'node:child_process'
import { createWriteStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadTokenizer } from '@cria/tokenizer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cria, data, outcome, start } from './cria'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cria-train-'))
  writeFileSync(join(folder, 'corpus.txt'), 'the cat and the dog and the hat\n'.repeat(50))
  writeFileSync(join(folder, 'latin1.txt'), Uint8Array.of(0xe9, 10))
})
afterAll(() => rmSync(folder, { recursive: true }))

const train = (...args: string[]) => cria(['train-tokenizer', ...args.map(arg => arg.replace('@', `${folder}/`))])
const corpus = ['--input', '@corpus.txt', '--vocab-size', '276']
const botchan = data('sentencepiece/botchan.txt')

test.skipIf(!existsSync(botchan))('the vocabulary that spm_train makes of botchan.txt, piece for piece', async () => {
  const settings = ['--vocab-size', '1000', '--character-coverage', '1', '--remove-extra-whitespaces']
  const { code, stdout, stderr } = await train('--input', botchan, ...settings, '--output', '@botchan.model')
  expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: '' })
  expect(stderr).toBe(`${folder}/botchan.model: 1000 pieces from 4288 sentences, 0 left out\n`)
  const reference = readFileSync(data('spm-bpe-train-ref/botchan_bpe1000.vocab'), 'utf8').trimEnd().split('\n')
  const { pieces } = loadTokenizer(readFileSync(join(folder, 'botchan.model'))).vocabulary
  expect(pieces).toEqual(reference.map(line => line.split('\t')[0]))
})

test('the same tokenizer in each of its formats', async () => {
  const ids: string[] = []
  for (const ending of ['model', 'json', 'bin']) {
    expect((await train(...corpus, '--output', `@small.${ending}`)).code).toBe(0)
    ids.push((await cria(['tokenize', '--tokenizer', join(folder, `small.${ending}`)], 'the hat, é')).stdout)
  }
  expect(new Set(ids).size).toBe(1)
  expect(ids[0].split(' ').length).toBeLessThan(9)
})

test.skipIf(process.platform === 'win32')('Ctrl-C ends it, and a file that is there stays as it was', async () => {
  const [input, output] = ['endless', 'kept.model'].map(name => join(folder, name))
  execFileSync('mkfifo', [input])
  writeFileSync(output, 'before')
  const child = start(['train-tokenizer', '--input', input, '--vocab-size', '300', '--output', output])
  // Opens once the command reads from it, and breaks once that is gone.
  const corpus = createWriteStream(input).on('error', () => {})
  const goOn = () => corpus.write('the cat and the dog\n'.repeat(1000), error => error ?? goOn())
  corpus.write('the hat\n', () => child.kill('SIGINT'))
  goOn()
  expect(await outcome(child)).toEqual({ code: 130, stdout: '', stderr: '' })
  corpus.destroy()
  expect(readFileSync(output, 'utf8')).toBe('before')
  expect(readdirSync(folder).filter(name => name.includes('.part'))).toEqual([])
})

describe('bad input is told in one line, and leaves nothing', () => {
  test.each<[string, string[], number, string]>([
    [
      'a missing file',
      ['--input', '@no.txt', '--vocab-size', '300', '--output', '@x.model'],
      1,
      'no.txt does not exist',
    ],
    [
      'no UTF-8',
      ['--input', '@latin1.txt', '--vocab-size', '300', '--output', '@x.model'],
      1,
      'latin1.txt is not UTF-8',
    ],
    [
      'another ending',
      [...corpus, '--output', '@x.txt'],
      2,
      'x.txt: expected a path that ends in .model, .json or .bin',
    ],
    [
      'a large vocabulary',
      [...corpus, '--vocab-size', '900', '--output', '@x.model'],
      1,
      'lower --vocab-size from 900',
    ],
    [
      'a small vocabulary',
      [...corpus, '--vocab-size', '9', '--output', '@x.model'],
      1,
      '--vocab-size is 9, but the reserved pieces and characters are 269: raise it, or lower --character-coverage',
    ],
    ['no vocabulary', [...corpus, '--vocab-size', '0', '--output', '@x.model'], 2, "'--vocab-size <n>' argument '0'"],
    [
      'a share above 1',
      [...corpus, '--character-coverage', '2', '--output', '@x.model'],
      2,
      'Expected a number above 0',
    ],
    ['no output', corpus, 2, "required option '--output <path>' not specified"],
  ])('%s', async (_, args, exitCode, message) => {
    const { code, stderr } = await train(...args)
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^cria: .*\n$/)
    expect(code).toBe(exitCode)
    expect(existsSync(join(folder, 'x.model'))).toBe(false)
  })
})
