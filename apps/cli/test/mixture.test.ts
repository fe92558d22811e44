import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type DocumentTokenizer, tokenizeInMemory } from '@cria/data-mixture'
import { Tokenizer, trainTokenizer, writeSentencePiece } from '@cria/tokenizer'
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest'
import { cria, data } from './cria'

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cria-mixture-'))
  const text = 'the cat and the dog and the hat\n'
  const tokenizer = await trainTokenizer([text.repeat(50)], { vocabSize: 276 })
  writeFileSync(join(folder, 'small.model'), writeSentencePiece(tokenizer))
  const tales = Array.from({ length: 40 }, (_, i) => `the cat ${i} ${'and the dog '.repeat(i % 5)}`)
  const facts = [...tales.slice(0, 3), ...Array.from({ length: 17 }, (_, i) => `hat ${i} ${i * i}, a fact`)]
  writeFileSync(join(folder, 'tales.txt'), tales.join('\n--\n'))
  writeFileSync(join(folder, 'facts.jsonl'), facts.map(text => JSON.stringify({ text })).join('\n'))
  writeFileSync(join(folder, 'latin1.txt'), Uint8Array.of(0xe9, 10))
  writeFileSync(join(folder, 'empty.txt'), '\n')
})
afterAll(() => rmSync(folder, { recursive: true }))

const config = {
  sources: [
    { name: 'tales', share: 0.75, files: ['tales.txt'], separator: '--' },
    { name: 'facts', share: 0.25, files: ['facts.jsonl'], maxEpochs: 2 },
  ],
  ...{ tokenizer: 'small.model', shards: 'shards', rowTokens: 8 },
}

/** Writes a config and runs the command with it. */
const mixture = (config: object, ...args: string[]) => {
  writeFileSync(join(folder, 'mixture.json'), JSON.stringify(config))
  return cria(['mixture', '--config', join(folder, 'mixture.json'), ...args])
}

/** The cells of the lines of a table. */
const cells = (text: string) => text.split('\n').map(line => line.split(/ {2,}/))

test("the paper's table, to two decimals", async () => {
  const { code, stdout, stderr } = await cria(['mixture', 'llama', '--tokens', '1.4T'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(cells(stdout)).toEqual([
    ['source', 'share', 'tokens', 'unique', 'epochs'],
    ['CommonCrawl', '67.00%', '938B', '853B', '1.10'],
    ['C4', '15.00%', '210B', '198B', '1.06'],
    ['GitHub', '4.50%', '63.0B', '98.0B', '0.64'],
    ['Wikipedia', '4.50%', '63.0B', '25.7B', '2.45'],
    ['Books', '4.50%', '63.0B', '28.3B', '2.23'],
    ['ArXiv', '2.50%', '35.0B', '33.0B', '1.06'],
    ['StackExchange', '2.00%', '28.0B', '27.2B', '1.03'],
    ['1.40T tokens; the order of the sources repeats every 200 rows'],
    [''],
  ])
  expect((await cria(['mixture', 'llama'])).stdout).toBe(stdout)
  expect((await cria(['mixture', 'llama', '--tokens', '700B'])).stdout).toContain('0.32')
})

test('a config: shares, rows, epochs, and what cannot be met; tokens are written once', async () => {
  const first = await mixture(config, '--tokens', '16k')
  expect(first.stderr).toMatch(
    /^tokenized tales: 40 documents, \d+ tokens\ntokenized facts: 20 documents, \d+ tokens\n$/,
  )
  const [tales, facts] = Array.from(first.stderr.matchAll(/(\d+) tokens/g), ([, tokens]) => Number(tokens))
  const epochs = (rows: number, tokens: number) => (rows / Math.floor(tokens / 8)).toFixed(2)
  const [head, ...lines] = cells(first.stdout)
  expect(head).toEqual(['source', 'asked', 'given', 'rows', 'tokens', 'unique', 'epochs', 'held out'])
  expect(lines.slice(0, 3)).toEqual([
    ['tales', '75.00%', '75.00%', '1500', '12.0k', expect.any(String), epochs(1500, tales), '0'],
    ['facts', '25.00%', '25.00%', '500', '4.00k', String(facts), epochs(500, facts), '0'],
    ['2000 rows of 8 tokens; the order of the sources repeats every 4 rows'],
  ])
  const missing = 4000 / 2 - 8 * Math.floor(facts / 8)
  expect(first.stdout).toContain(
    `  facts: ${epochs(500, facts)} epochs are more than 2: add ${missing.toLocaleString('en-US')} tokens`,
  )

  const again = await mixture(config, '--tokens', '16k')
  expect(again).toEqual({ code: 0, stdout: first.stdout, stderr: '' })
  const all = await mixture(config)
  expect(all.stdout).not.toContain('cannot be met')
  expect(all.stdout).toContain(`${Math.floor((tales + facts) / 8)} rows of 8 tokens`)
  expect((await mixture({ ...config, totalTokens: 16e3 })).stdout).toBe(first.stdout)
})

test('a tokenizer of @cria/tokenizer fits as it is, with BOS and EOS or without', async () => {
  expectTypeOf<Tokenizer>().toExtend<DocumentTokenizer>()
  const tokenizer = await trainTokenizer(['the cat and the dog\n'.repeat(50)], { vocabSize: 276 })
  const ids = async (of: Tokenizer, options = {}) => {
    const { training } = await tokenizeInMemory(['the cat'], of, 'a', options)
    return Array.from(await training.read(0, training.tokens))
  }
  const text = Array.from(tokenizer.encode('the cat'))
  expect(await ids(tokenizer)).toEqual([1, ...text, 2])
  const plain = new Tokenizer({ ...tokenizer.vocabulary, bosId: undefined, eosId: undefined })
  await expect(ids(plain)).rejects.toThrow('bos: the tokenizer has no BOS token: set bos to false')
  expect(await ids(plain, { bos: false, eos: false })).toEqual(text)
})

test('near-duplicates, within a source and across', async () => {
  const { code, stdout, stderr } = await mixture(config, '--near-duplicates')
  expect(code, stderr).toBe(0)
  const lines = cells(stdout)
  const counts = lines.slice(lines.findIndex(line => line[1] === 'documents') + 1)
  expect(counts[0].slice(0, 2)).toEqual(['tales', '40'])
  expect(counts[1]).toEqual(['facts', '20', '0', '3'])
  expect(lines).toContainEqual(['facts 1', 'tales 1', '1.00'])
})

const example = fileURLToPath(new URL('../../../packages/data-mixture/examples/seven-sources.json', import.meta.url))
const hasData = existsSync(data('mixture/wikipedia.txt')) && existsSync(data('llama2-tokenizer/tokenizer.model'))

test.skipIf(!hasData)(
  'seven sources with the shares of the paper',
  async () => {
    const given = JSON.parse(readFileSync(example, 'utf8')) as { sources: { files: string[] }[]; tokenizer: string }
    const absolute = (path: string) => resolve(dirname(example), path)
    const sources = given.sources.map(source => ({ ...source, files: source.files.map(absolute) }))
    const seven = { ...given, sources, tokenizer: absolute(given.tokenizer), shards: 'seven' }
    const { code, stdout, stderr } = await mixture(seven)
    expect(code, stderr).toBe(0)
    const rows = 15_625
    const lines = cells(stdout).slice(1, 8)
    const paper = { CommonCrawl: 67, C4: 15, GitHub: 4.5, Wikipedia: 4.5, Books: 4.5, ArXiv: 2.5, StackExchange: 2 }
    expect(lines.map(([name]) => name)).toEqual(Object.keys(paper))
    for (const [name, asked, , count] of lines) {
      const share = paper[name as keyof typeof paper]
      expect(asked).toBe(`${share.toFixed(2)}%`)
      expect(Math.abs(Number(count) - (share / 100) * rows), name).toBeLessThan(1)
    }
    expect(lines.reduce((sum, [, , , count]) => sum + Number(count), 0)).toBe(rows)
    expect(stdout).toContain('15625 rows of 256 tokens; the order of the sources repeats every 200 rows')
    expect(stdout).toMatch(/C4: \d+\.\d\d epochs are more than 4: add [\d,]+ tokens to it, or lower its share to 0\.0/)
  },
  300_000,
)

describe('bad input is told in one line', () => {
  let folders = 0
  const source = (change: object) => ({
    ...config,
    shards: `bad-${folders++}`,
    sources: [{ ...config.sources[0], ...change }, config.sources[1]],
  })
  test.each<[string, object, number, string]>([
    ['an unknown key', { ...config, rowToken: 1 }, 1, 'mixture.json: rowToken: unknown key'],
    ['no sources', { rowTokens: 8 }, 1, 'mixture.json: sources: missing'],
    [
      'shares that do not sum to one',
      source({ share: 0.5 }),
      1,
      'shares sum to 0.75, not to 1: change tales 0.5, facts 0.25',
    ],
    ['an empty source', source({ files: ['empty.txt'] }), 1, 'source "tales": it has no documents with text'],
    ['a source shorter than a row', { ...source({}), rowTokens: 5000 }, 1, 'fewer than the 5001 of a row'],
    ['text that is not UTF-8', source({ files: ['latin1.txt'] }), 1, 'latin1.txt: it is not UTF-8 text'],
    ['a missing file', source({ files: ['none.txt'] }), 1, 'none.txt: there is no such file'],
    ['no tokenizer', { ...config, tokenizer: undefined }, 2, 'no tokenizer: name one in the config, or by --tokenizer'],
    ['a missing tokenizer', { ...config, tokenizer: 'no.model' }, 1, 'no.model: does not exist'],
  ])('%s', async (_, config, exitCode, message) => {
    const { code, stdout, stderr } = await mixture(config)
    expect(stderr).toContain(message)
    expect(stderr.split('\n').filter(line => line !== '' && !line.startsWith('tokenized'))).toHaveLength(1)
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' })
  })

  test('shards of another tokenizer', async () => {
    await mixture(config)
    const other = await trainTokenizer(['a dog and a hat and a cat\n'.repeat(50)], { vocabSize: 274 })
    writeFileSync(join(folder, 'other.model'), writeSentencePiece(other))
    const { code, stderr } = await mixture(config, '--tokenizer', join(folder, 'other.model'))
    expect(stderr).toContain(
      'the folder has other tokens: they are of another tokenizer, vocabSize is 276 in one and 274',
    )
    expect(code).toBe(1)
  })

  test.each<[string[], string]>([
    [['mixture'], 'expected either --config FILE or the name of a published mixture: llama'],
    [['mixture', 'llama', '--config', 'x.json'], 'expected either --config FILE or the name'],
    [['mixture', 'llama', '--near-duplicates'], '--near-duplicates needs --config'],
    [['mixture', 'pile'], 'Allowed choices are llama'],
    [['mixture', 'llama', '--tokens', '1.4X'], 'Expected a number of tokens, such as 1.4T'],
    [['mixture', 'llama', '--tokens', '0'], 'Expected a number of tokens'],
  ])('%j', async (args, message) => {
    const { code, stderr } = await cria(args)
    expect(stderr).toContain(message)
    expect(code).toBe(2)
  })

  test('a missing config', async () => {
    const { code, stderr } = await cria(['mixture', '--config', join(folder, 'none.json')])
    expect(stderr).toMatch(/^cria: .*none\.json: it cannot be read as JSON \(ENOENT.*\n$/)
    expect(code).toBe(1)
  })

  test('fewer tokens than a row', async () => {
    expect(await mixture(config, '--tokens', '7')).toMatchObject({ code: 2, stdout: '' })
  })
})
