import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import {
  createMixture,
  MixtureConfigError,
  parseMixtureConfig,
  ShardError,
  SourceSizeError,
  tokenizeInMemory,
  WriteError,
} from '../src'
import { exportRows, openMixture, openTokens, tokenize } from '../src/node'
import { newFolders } from './new-folders'
import { byteTokenizer } from './referee-documents.mjs'

const tokenizer = byteTokenizer()
const separator = '<|endoftext|>'
const tales = Array.from({ length: 30 }, (_, i) => `Tale ${i}. ${'Once upon a time. '.repeat(1 + (i % 4))}`)
const facts = Array.from({ length: 20 }, (_, i) => `Fact ${i}: a llama has two toes.`)

const newFolder = newFolders()
let folder: string
beforeEach(() => {
  folder = newFolder()
  mkdirSync(join(folder, 'texts'), { recursive: true })
  writeFileSync(join(folder, 'texts/tales.txt'), tales.join(`\n${separator}\n`))
  writeFileSync(join(folder, 'texts/facts.jsonl'), facts.map(text => JSON.stringify({ text })).join('\n'))
})

const config = parseMixtureConfig({
  sources: [
    { name: 'tales', share: 0.75, files: ['texts/*.txt'], separator },
    { name: 'facts', share: 0.25, files: ['texts/*.jsonl'] },
  ],
  ...{ shards: 'shards', rowTokens: 16, seed: 5, validation: 0.2 },
})

/** The same mixture, made in memory. */
const inMemory = async () => {
  const [a, b] = await Promise.all([
    tokenizeInMemory(tales, tokenizer, 'tales', { validation: 0.2 }),
    tokenizeInMemory(facts, tokenizer, 'facts', { validation: 0.2 }),
  ])
  const mixture = createMixture(
    [
      { name: 'tales', share: 0.75, tokens: a.training },
      { name: 'facts', share: 0.25, tokens: b.training },
    ],
    { rowTokens: 16, seed: 5 },
  )
  return { mixture, validation: [a.validation, b.validation] }
}

test('a mixture of files has the rows of the same mixture in memory', async () => {
  const opened = await openMixture(config, tokenizer, { base: folder })
  const memory = await inMemory()
  for (let n = 0; n < 300; n++) expect(await opened.mixture.row(n)).toEqual(await memory.mixture.row(n))
  for (const [i, { validation, bytes }] of opened.sources.entries()) {
    expect(validation.documents).toBe(memory.validation[i].documents)
    const ids = await validation.read(0, validation.tokens)
    expect(ids).toEqual(await memory.validation[i].read(0, validation.tokens))
    expect(bytes.validation).toBe(ids.filter(id => id < 256).length)
  }
  await opened.close()
})

test('sources may be gzip, zstd and Parquet: each has the tokens of the documents in it', async () => {
  // What tooling/referee/data-mixture/inputs.py wrote by zstandard and pyarrow.
  const documents = ['Once upon a time.', 'Two\nlines', 'naïve café 🦙', 'a llama '.repeat(40), '日本語の文章']
  for (const name of ['frames.jsonl.zst', 'snappy.parquet'])
    copyFileSync(new URL(`./fixtures/${name}`, import.meta.url), join(folder, 'texts', name))
  writeFileSync(join(folder, 'texts/a.txt.gz'), gzipSync(documents.join(`\n${separator}\n`)))
  const { mixture, close } = await openMixture(
    parseMixtureConfig({
      sources: [
        { name: 'gzip', share: 0.5, files: ['texts/*.txt.gz'], separator },
        { name: 'zstd', share: 0.25, files: ['texts/*.zst'] },
        { name: 'parquet', share: 0.25, files: ['texts/*.parquet'] },
      ],
      ...{ shards: 'shards', rowTokens: 16 },
    }),
    tokenizer,
    { base: folder },
  )
  const { training } = await tokenizeInMemory(documents, tokenizer, 'memory')
  const ids = await training.read(0, training.tokens)
  for (const source of mixture.sources) expect(source).toMatchObject({ tokens: ids.length, documents: 5 })
  const twice = [...ids, ...ids]
  for await (const row of mixture.rows({ count: 200 }))
    expect([...row.ids]).toEqual(twice.slice(row.start, row.start + 17))
  await close()
})

test('is opened again without its files, and resumes', async () => {
  const first = await openMixture(config, tokenizer, { base: folder })
  const saved = JSON.parse(JSON.stringify(first.mixture.state(123)))
  const row = await first.mixture.row(123)
  await first.close()
  rmSync(join(folder, 'texts'), { recursive: true })
  const sources = config.sources.map(({ name, share }) => ({ name, share, folders: [`shards/${name}`] }))
  const again = await openMixture({ ...config, sources }, tokenizer, { base: folder })
  expect(await again.mixture.row(again.mixture.resume(saved))).toEqual(row)
  await again.close()
})

describe('bad input', () => {
  test('shards of other settings than the config asks for', async () => {
    await (await openMixture(config, tokenizer, { base: folder })).close()
    const sources = config.sources.map(({ name, share }) => ({ name, share, folders: [`shards/${name}`] }))
    const opening = openMixture({ ...config, sources, validation: 0.1 }, tokenizer, { base: folder })
    await expect(opening).rejects.toThrow(ShardError)
    await expect(opening).rejects.toThrow('validation is 0.2, but the config asks for 0.1')
  })

  test('shards of another tokenizer', async () => {
    await (await openMixture(config, tokenizer, { base: folder })).close()
    const sources = config.sources.map(({ name, share }) => ({ name, share, folders: [`shards/${name}`] }))
    for (const given of [config, { ...config, sources }]) {
      await expect(openMixture(given, byteTokenizer(1), { base: folder })).rejects.toThrow(ShardError)
    }
  })

  test('a source shorter than a row', async () => {
    const opening = openMixture({ ...config, rowTokens: 600 }, tokenizer, { base: folder })
    await expect(opening).rejects.toThrow(SourceSizeError)
    await expect(opening).rejects.toThrow('source "facts": it has')
  })

  test('an unknown key, also without a file', async () => {
    const opening = openMixture({ ...config, rowToken: 3 } as typeof config, tokenizer, { base: folder })
    await expect(opening).rejects.toThrow(MixtureConfigError)
    expect(existsSync(join(folder, 'shards'))).toBe(false)
  })

  test('no folder', async () => {
    await expect(openTokens([])).rejects.toThrow(MixtureConfigError)
  })

  test.skipIf(process.platform !== 'linux')('a mixture that fails to open leaves no file open', async () => {
    const opened = () => readdirSync('/proc/self/fd').length
    const before = opened()
    await expect(openMixture({ ...config, rowTokens: 600 }, tokenizer, { base: folder })).rejects.toThrow()
    expect(opened()).toBe(before)
  })
})

describe('rows as Parquet', () => {
  const read = async (path: string) => {
    const bytes = readFileSync(path)
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)
    return parquetReadObjects({ file, compressors })
  }

  test('are those of the mixture, in order, over several files', async () => {
    const { mixture } = await inMemory()
    const progress: number[] = []
    const options = { from: 7, count: 2500, rowsPerFile: 1100, onProgress: (rows: number) => progress.push(rows) }
    const manifest = await exportRows(mixture, join(folder, 'rows'), options)
    const names = ['rows-00000.parquet', 'rows-00001.parquet', 'rows-00002.parquet']
    expect(readdirSync(join(folder, 'rows')).sort()).toEqual(['manifest.json', ...names])
    expect(manifest).toEqual(JSON.parse(readFileSync(join(folder, 'rows/manifest.json'), 'utf8')))
    expect(manifest).toMatchObject({ format: 'cria-rows', version: 1, rows: 2500, mixture: mixture.state(7) })
    let n = 7
    for (const [i, { file, rows, sha256 }] of manifest.files.entries()) {
      const path = join(folder, 'rows', file)
      expect([file, rows]).toEqual([names[i], [1100, 1100, 300][i]])
      expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(sha256)
      const found = await read(path)
      expect(found).toHaveLength(rows)
      for (const row of found) {
        const { ids, documents, source } = await mixture.row(n++)
        expect(row).toEqual({
          input_ids: Array.from(ids),
          document_starts: Array.from(documents),
          source: mixture.sources[source].name,
        })
      }
    }
    expect(progress).toEqual([1024, 2048, 2500])
  })

  test.each([
    [{ count: 0 }, 'count: 0'],
    [{ count: 5, from: -1 }, 'from: -1'],
    [{ count: 5, rowsPerFile: 0 }, 'rowsPerFile: 0'],
  ])('%j is refused', async (options, message) => {
    const { mixture } = await inMemory()
    const writing = exportRows(mixture, join(folder, 'rows'), options)
    await expect(writing).rejects.toThrow(MixtureConfigError)
    await expect(writing).rejects.toThrow(message)
  })

  test('a folder that has rows is refused, and keeps them', async () => {
    const { mixture } = await inMemory()
    await exportRows(mixture, join(folder, 'rows'), { count: 10 })
    const before = readFileSync(join(folder, 'rows/rows-00000.parquet'))
    const writing = exportRows(mixture, join(folder, 'rows'), { count: 99 })
    await expect(writing).rejects.toThrow(WriteError)
    await expect(writing).rejects.toThrow('manifest.json: the folder has files already: choose another folder')
    expect(readFileSync(join(folder, 'rows/rows-00000.parquet'))).toEqual(before)
  })

  test('a full disk leaves nothing', async () => {
    const { mixture } = await inMemory()
    const probe = await open(join(folder, 'probe'), 'w')
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', syscall: 'write' })
    const write = vi.spyOn(Object.getPrototypeOf(probe), 'writeFile').mockRejectedValue(full)
    await expect(exportRows(mixture, join(folder, 'rows'), { count: 99 })).rejects.toThrow(WriteError)
    write.mockRestore()
    await probe.close()
    expect(readdirSync(join(folder, 'rows'))).toEqual([])
  })
})

test('two processes that tokenize the same source agree', async () => {
  const source = { name: 'tales', files: ['texts/tales.txt'], separator }
  const write = () => tokenize(source, tokenizer, join(folder, 'both'), { base: folder })
  const [a, b] = await Promise.all([write(), write()])
  expect(a).toEqual(b)
  expect(readdirSync(join(folder, 'both')).filter(name => name.includes('.part'))).toEqual([])
  const { training } = await openTokens(join(folder, 'both'), tokenizer)
  expect(training.documents).toBe(30)
  await training.close()
})
