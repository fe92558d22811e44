import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import {
  DocumentError,
  MixtureConfigError,
  memoryTokens,
  ShardError,
  SourceSizeError,
  VocabularyError,
  WriteError,
} from '../src'
import { openTokens, readDocuments, tokenize, verifyShards } from '../src/node'
import { newFolders } from './new-folders'
import { byteTokenizer } from './referee-documents.mjs'

const tokenizer = byteTokenizer()
const separator = '<|endoftext|>'

const newFolder = newFolders()
let folder: string
beforeEach(() => {
  folder = newFolder()
})

const texts = Array.from({ length: 40 }, (_, i) => `Document ${i}: ${'🦙 llama '.repeat(i % 7)}`)

describe('tokenizing again', () => {
  const source = (file: string) => ({ name: 'a', files: [file], separator })
  const write = () => {
    mkdirSync(folder, { recursive: true })
    const file = join(folder, 'a.txt')
    writeFileSync(file, texts.join(`\n${separator}\n`))
    return { file, shards: join(folder, 'shards') }
  }

  test('writes nothing if the files, the settings and the tokenizer are the same', async () => {
    const { file, shards } = write()
    const first = await tokenize(source(file), tokenizer, shards)
    let documents = 0
    const onProgress = () => documents++
    expect(await tokenize(source(file), tokenizer, shards, { onProgress })).toEqual(first)
    utimesSync(file, 1, 1)
    expect(await tokenize(source(file), tokenizer, shards, { onProgress })).toEqual(first)
    expect(documents).toBe(0)
  })

  test.each<[string, (file: string, shards: string) => Promise<unknown>, string]>([
    [
      'another tokenizer',
      (file, shards) => tokenize(source(file), byteTokenizer(1), shards),
      'another tokenizer, vocabSize',
    ],
    [
      'a tokenizer of the same size',
      (file, shards) => tokenize(source(file), { ...tokenizer, encode: text => [text.length] }, shards),
      'another tokenizer, they encode the same text differently',
    ],
    [
      'another name',
      (file, shards) => tokenize({ ...source(file), name: 'b' }, tokenizer, shards),
      'they are of a, not of b',
    ],
    [
      'another separator',
      (file, shards) => tokenize({ ...source(file), separator: '--' }, tokenizer, shards),
      'separator was <|endoftext|> and is --',
    ],
    [
      'no EOS',
      (file, shards) => tokenize(source(file), tokenizer, shards, { eos: false }),
      'eos was true and is false',
    ],
    [
      'more held out',
      (file, shards) => tokenize(source(file), tokenizer, shards, { validation: 0.1 }),
      'validation was 0 and is 0.1',
    ],
    [
      'a changed file of the same size',
      (file, shards) => {
        writeFileSync(file, readFileSync(file, 'utf8').replace('llama', 'LLAMA'))
        utimesSync(file, 1, 1)
        return tokenize(source(file), tokenizer, shards)
      },
      'a.txt has changed',
    ],
    [
      'a shard that was cut short',
      (file, shards) => {
        truncateSync(join(shards, 'training-00000.bin'), 10)
        const again = tokenize(source(file), tokenizer, shards)
        return again.finally(() => {
          rmSync(shards, { recursive: true })
          return tokenize(source(file), tokenizer, shards)
        })
      },
      'training-00000.bin: it is cut short',
    ],
    [
      'another file',
      (file, shards) => {
        copyFileSync(file, `${file}.txt`)
        return tokenize(source(`${file}.txt`), tokenizer, shards)
      },
      'file 0 was',
    ],
    ['documents from elsewhere', (_, shards) => tokenize({ name: 'a', documents: texts }, tokenizer, shards), 'is '],
  ])('%s is refused, and the shards stay', async (_, again, message) => {
    const { file, shards } = write()
    await tokenize(source(file), tokenizer, shards)
    const before = readFileSync(join(shards, 'manifest.json'), 'utf8')
    const refused = again(file, shards)
    await expect(refused).rejects.toThrow(ShardError)
    await expect(refused).rejects.toThrow(message)
    expect(readFileSync(join(shards, 'manifest.json'), 'utf8')).toBe(before)
    await verifyShards(shards)
  })
})

describe('a disk that refuses', () => {
  test('leaves the folder as it was', async () => {
    mkdirSync(folder)
    const probe = await open(join(folder, 'probe'), 'w')
    const prototype = Object.getPrototypeOf(probe)
    await probe.close()
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      syscall: 'write',
    })
    const write = vi.spyOn(prototype, 'writeFile').mockRejectedValue(full)
    try {
      const writing = tokenize({ name: 'a', documents: texts }, tokenizer, folder)
      await expect(writing).rejects.toThrow(WriteError)
      await expect(writing).rejects.toThrow('it cannot be written (ENOSPC: no space left on device, write): make room')
    } finally {
      write.mockRestore()
    }
    expect(readdirSync(folder)).toEqual(['probe'])
  })

  const canMount = process.platform === 'linux' && spawnSync('unshare', ['-rm', 'true']).status === 0
  test.skipIf(!canMount)('a full disk of 64 KiB, in a mount namespace', async () => {
    mkdirSync(folder)
    const entry = new URL('../src/node.ts', import.meta.url).pathname
    const outfile = join(folder, 'node.mjs')
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', packages: 'external' })
    writeFileSync(
      join(folder, 'write.mjs'),
      `import { readdirSync } from 'node:fs'
       import { tokenize } from './node.mjs'
       const tokenizer = { encode: text => Array.from(text, () => 1), bosId: 0, eosId: 0, vocabSize: 2 }
       const documents = Array.from({ length: 100 }, () => 'x'.repeat(4096))
       await tokenize({ name: 'a', documents: documents.slice(0, 3) }, tokenizer, 'disk/small')
       const error = await tokenize({ name: 'a', documents }, tokenizer, 'disk/large').catch(error => error)
       console.log(error.name, error.cause.code, readdirSync('disk/large').length, readdirSync('disk/small').length)`,
    )
    mkdirSync(join(folder, 'disk'))
    const command = 'mount -t tmpfs -o size=64k tmpfs disk && exec "$0" write.mjs'
    const output = execFileSync('unshare', ['-rm', 'sh', '-c', command, process.execPath], { cwd: folder })
    expect(output.toString()).toBe('WriteError ENOSPC 0 3\n')
  })

  test.skipIf(process.platform === 'win32')('a folder that is a file', async () => {
    writeFileSync(folder, '')
    const writing = tokenize({ name: 'a', documents: texts }, tokenizer, join(folder, 'shards'))
    await expect(writing).rejects.toThrow(WriteError)
  })

  test('an abort leaves nothing', async () => {
    const abort = new AbortController()
    async function* documents() {
      yield* texts
      abort.abort()
      yield 'one more'
    }
    const { signal } = abort
    const writing = tokenize({ name: 'a', documents: documents() }, tokenizer, folder, { signal, shardTokens: 50 })
    await expect(writing).rejects.toThrow('aborted')
    expect(readdirSync(folder)).toEqual([])
  })
})

test('a tokenizer without BOS and EOS gives the ids of the text alone, and its shards open again', async () => {
  const plain = { encode: tokenizer.encode, vocabSize: tokenizer.vocabSize }
  const shards = join(folder, 'shards')
  const manifest = await tokenize({ name: 'a', documents: ['ab', 'c'] }, plain, shards, { bos: false, eos: false })
  expect(JSON.parse(readFileSync(join(shards, 'manifest.json'), 'utf8')).tokenizer).toEqual({
    vocabSize: 258,
    probe: manifest.tokenizer.probe,
  })
  const { training, validation } = await openTokens(shards, plain)
  expect(Array.from(await training.read(0, training.tokens))).toEqual([97, 98, 99])
  await Promise.all([training.close(), validation.close()])
  await expect(openTokens(shards, tokenizer)).rejects.toThrow('bosId is none in one and 256 in the other')
})

describe('bad input', () => {
  test.each<[string, Parameters<typeof tokenize>[0], object, new (...args: never[]) => Error, string]>([
    ['no documents', { name: 'a', documents: [] }, {}, SourceSizeError, 'source "a": it has no documents with text'],
    [
      'half a surrogate pair',
      { name: 'a', documents: ['fine', '\ud800'] },
      {},
      DocumentError,
      'a: document 1 holds half a surrogate',
    ],
    [
      'everything held out',
      { name: 'a', documents: ['a'] },
      { validation: 1 },
      MixtureConfigError,
      'validation: 1: expected',
    ],
    ['shards of nothing', { name: 'a', documents: ['a'] }, { shardTokens: 0 }, MixtureConfigError, 'shardTokens: 0'],
    ['a missing file', { name: 'a', files: ['none.txt'] }, {}, DocumentError, 'none.txt: there is no such file in'],
    ['a folder', { name: 'a', files: ['.'] }, {}, DocumentError, '.: not a regular file: give files, such as **/*.txt'],
    ['a pattern of nothing', { name: 'a', files: ['no*/*.txt'] }, {}, DocumentError, 'no*/*.txt: no file matches in'],
    [
      'a field of text',
      { name: 'a', files: ['a.txt'], field: 'b' },
      {},
      MixtureConfigError,
      'field: b: text files have no fields',
    ],
    [
      'a separator of JSON',
      { name: 'a', files: ['a.jsonl'], separator: '-' },
      {},
      MixtureConfigError,
      'separator: -: no file is text',
    ],
    ['a file twice', { name: 'a', files: ['a.txt', '*.txt'] }, {}, DocumentError, 'a.txt: listed twice'],
    [
      'a file that is not UTF-8',
      { name: 'a', files: ['latin1.txt'] },
      {},
      DocumentError,
      'latin1.txt: it is not UTF-8 text',
    ],
  ])('%s', async (_, source, options, type, message) => {
    mkdirSync(folder)
    writeFileSync(join(folder, 'a.txt'), 'a')
    writeFileSync(join(folder, 'a.jsonl'), '{"text": "a"}')
    writeFileSync(join(folder, 'latin1.txt'), Uint8Array.of(0xe9, 10))
    const before = readdirSync(folder)
    const writing = tokenize(source, tokenizer, join(folder, 'shards'), { base: folder, ...options })
    await expect(writing).rejects.toThrow(type)
    await expect(writing).rejects.toThrow(message)
    expect(readdirSync(folder).filter(name => name !== 'shards')).toEqual(before)
    if (existsSync(join(folder, 'shards'))) expect(readdirSync(join(folder, 'shards'))).toEqual([])
  })

  test.each([
    [
      'an id outside its vocabulary',
      { ...tokenizer, encode: () => [300] },
      VocabularyError,
      'document 0 of a: token id 300',
    ],
    ['an id that is not a number', { ...tokenizer, encode: () => [Number.NaN] }, VocabularyError, 'token id NaN'],
    [
      'no BOS',
      { ...tokenizer, bosId: undefined },
      MixtureConfigError,
      'bos: the tokenizer has no BOS token: set bos to false',
    ],
    [
      'no EOS',
      { ...tokenizer, eosId: undefined },
      MixtureConfigError,
      'eos: the tokenizer has no EOS token: set eos to false',
    ],
    [
      'a BOS that is not a token id',
      { ...tokenizer, bosId: -1 },
      MixtureConfigError,
      'tokenizer: its bosId is -1: expected a token id below 258, or undefined',
    ],
    [
      'an EOS outside its vocabulary',
      { ...tokenizer, eosId: 258 },
      MixtureConfigError,
      'tokenizer: its eosId is 258: expected a token id below 258, or undefined',
    ],
    ['no size', { ...tokenizer, vocabSize: 0 }, MixtureConfigError, 'its vocabSize is 0: expected'],
  ])('a tokenizer with %s', async (_, broken, type, message) => {
    const writing = tokenize({ name: 'a', documents: ['a'] }, broken, folder)
    await expect(writing).rejects.toThrow(type)
    await expect(writing).rejects.toThrow(message)
  })

  test('ids of memory outside the vocabulary', () => {
    expect(() => memoryTokens([5], { vocabSize: 5, documentEnds: [1] })).toThrow(VocabularyError)
  })
})

test('files are found by patterns, in one order everywhere, and read by their format', async () => {
  mkdirSync(join(folder, 'b/c'), { recursive: true })
  const files = {
    'b/2.txt': 'two',
    'b/10.txt': 'ten',
    'b/c/1.TXT': 'no',
    'b/c/3.txt': 'three',
    'a.jsonl': '{"text":"json"}',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  copyFileSync(new URL('./fixtures/zstd.parquet', import.meta.url), join(folder, 'p.parquet'))
  if (process.platform !== 'win32') {
    symlinkSync(join(folder, 'b'), join(folder, 'b/c/loop'))
    symlinkSync(join(folder, 'a.jsonl'), join(folder, 'b/link.txt'))
  }
  const read = async (...patterns: string[]) => {
    const found: string[] = []
    for await (const text of readDocuments({ files: patterns }, { base: folder })) found.push(text)
    return found
  }
  const linked = process.platform === 'win32' ? [] : ['{"text":"json"}']
  expect(await read('**/*.txt')).toEqual(['ten', 'two', 'three', ...linked])
  expect(await read('b/*.txt')).toEqual(['ten', 'two', ...linked])
  expect(await read(join(folder, 'b/**/3*'), '*.jsonl')).toEqual(['three', 'json'])
  expect(await read('p.*', 'b/2.txt')).toHaveLength(6)
})
