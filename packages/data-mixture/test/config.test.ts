import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { MixtureConfigError, parseMixtureConfig } from '../src'
import { readMixtureConfig } from '../src/node'

const folder = mkdtempSync(join(tmpdir(), 'cria-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const books = { name: 'Books', share: 0.25, files: ['books/*.txt'], separator: '<|endoftext|>', maxEpochs: 4 }
const web = { name: 'web pages', share: 0.75, folders: ['shards/web-0', 'shards/web-1'] }
const config = { sources: [books, web], shards: 'shards', rowTokens: 256 }

test('a config is what it says', () => {
  const all = { ...config, tokenizer: 'a.model', totalTokens: 1e6, seed: 7, bos: true, eos: false, validation: 0.01 }
  expect(parseMixtureConfig(JSON.parse(JSON.stringify(all)))).toEqual(all)
  expect(parseMixtureConfig(config)).toEqual(config)
})

test('is read with the folder that its paths start from', async () => {
  const path = join(folder, 'mixture.json')
  writeFileSync(path, JSON.stringify(config))
  expect(await readMixtureConfig(path)).toEqual({ config, base: folder })
})

describe('bad configs', () => {
  const source = (change: object) => ({ ...config, sources: [{ ...books, ...change }, web] })
  test.each<[string, unknown, string]>([
    ['a text', 'x', 'top level: "x": expected an object'],
    ['a list', [], 'top level: []: expected an object'],
    ['no sources', { shards: 'a', rowTokens: 2 }, 'sources: missing: expected a list of sources'],
    ['an empty list', { ...config, sources: [] }, 'sources: is empty'],
    ['no length of rows', { ...config, rowTokens: undefined }, 'rowTokens: missing: expected a whole number'],
    ['a length of rows of 0', { ...config, rowTokens: 0 }, 'rowTokens: 0: expected'],
    [
      'an unknown key',
      { ...config, rowtokens: 3 },
      'rowtokens: unknown key: expected one of bos, eos, rowTokens, seed, shards,',
    ],
    [
      'an unknown key of a source',
      source({ shar: 1 }),
      'sources[0].shar: unknown key: expected one of field, files, folders,',
    ],
    ['a source that is a text', { ...config, sources: ['x'] }, 'sources[0]: "x": expected an object'],
    ['no name', source({ name: '' }), 'sources[0].name: "": expected a name'],
    ['a name that is a path', source({ name: '../x' }), 'sources[0].name: "../x": expected a name of letters, digits'],
    ['a name that Windows changes', source({ name: 'x.' }), 'sources[0].name: "x.": expected a name'],
    ['a name twice', source({ name: 'Web Pages' }), 'sources[1].name: web pages is used twice'],
    ['a share that is a text', source({ share: '0.25' }), 'sources[0].share: "0.25": expected a number in (0, 1]'],
    [
      'shares that do not sum to one',
      source({ share: 0.2 }),
      'shares sum to 0.95, not to 1: change Books 0.2, web pages 0.75',
    ],
    [
      'no files',
      source({ files: undefined, separator: undefined }),
      'sources[0].files: missing: give files or folders',
    ],
    ['an empty list of files', source({ files: [] }), 'sources[0].files: []: expected a list of paths'],
    ['files and folders', source({ folders: ['a'] }), 'sources[0].folders: given beside files'],
    [
      'a separator of shards',
      source({ files: undefined, folders: ['a'] }),
      'sources[0].separator: <|endoftext|>: it is for files, but folders are given',
    ],
    ['a separator of two lines', source({ separator: 'a\nb' }), 'sources[0].separator: "a\\nb": expected a line'],
    ['an unknown format', source({ format: 'csv' }), 'sources[0].format: "csv": expected text, jsonl or parquet'],
    ['no epochs', source({ maxEpochs: 0 }), 'sources[0].maxEpochs: 0: expected a number above 0'],
    ['no folder for shards', { ...config, shards: undefined }, 'shards: missing: expected the path of a folder'],
    ['everything held out', { ...config, validation: 1 }, 'validation: 1: expected a number from 0 to below 1'],
    ['BOS as a number', { ...config, bos: 1 }, 'bos: 1: expected true or false'],
    ['a seed of a half', { ...config, seed: 0.5 }, 'seed: 0.5: expected a safe integer'],
  ])('%s', (_, value, message) => {
    expect(() => parseMixtureConfig(value)).toThrow(MixtureConfigError)
    expect(() => parseMixtureConfig(value)).toThrow(message)
  })

  test.each<[string, string | undefined, string]>([
    ['a missing file', undefined, 'mixture.json: it cannot be read as JSON (ENOENT'],
    ['no JSON', '{', 'mixture.json: it cannot be read as JSON ('],
    ['a wrong value', JSON.stringify({ ...config, seed: -1 }), 'mixture.json: seed: -1: expected a safe integer'],
  ])('%s is told with its path', async (_, text, message) => {
    const path = join(folder, 'bad', 'mixture.json')
    if (text !== undefined) writeFileSync(join(folder, 'mixture.json'), text)
    const reading = readMixtureConfig(text === undefined ? path : join(folder, 'mixture.json'))
    await expect(reading).rejects.toThrow(MixtureConfigError)
    await expect(reading).rejects.toThrow(message)
  })
})
