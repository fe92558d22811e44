import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { createMixture, ShardError, tokenizeInMemory, VocabularyError } from '../src'
import { openTokens, tokenize, verifyShards } from '../src/node'
import { FilePool } from '../src/node/file-pool'
import { newFolders } from './new-folders'
import { byteTokenizer } from './referee-documents.mjs'

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 31)
const tokenizer = byteTokenizer()

const newFolder = newFolders()
let folder: string
beforeEach(() => {
  folder = newFolder()
})

const texts = Array.from({ length: 40 }, (_, i) => `Document ${i}: ${'🦙 llama '.repeat(i % 7)}`)

describe(`shards, seed ${seed}`, () => {
  test('are raw little-endian ids beside the ends of the documents', async () => {
    const manifest = await tokenize({ name: 'a', documents: ['ab', 'é'] }, tokenizer, folder)
    expect(readdirSync(folder).sort()).toEqual(['manifest.json', 'training-00000.bin', 'training-00000.bin.index'])
    const ids = [256, 97, 98, 257, 256, 0xc3, 0xa9, 257]
    expect([...readFileSync(join(folder, 'training-00000.bin'))]).toEqual(ids.flatMap(id => [id & 255, id >> 8]))
    expect([...readFileSync(join(folder, 'training-00000.bin.index'))]).toEqual([
      4,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      8,
      ...Array(7).fill(0),
    ])
    expect(manifest).toEqual(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')))
    expect(manifest.splits.training).toEqual({
      ...{ tokens: 8, documents: 2, bytes: 4 },
      shards: [
        {
          ...{ file: 'training-00000.bin', tokens: 8, documents: 2 },
          sha256: createHash('sha256')
            .update(readFileSync(join(folder, 'training-00000.bin')))
            .digest('hex'),
          indexSha256: createHash('sha256')
            .update(readFileSync(join(folder, 'training-00000.bin.index')))
            .digest('hex'),
        },
      ],
    })
    expect(manifest.splits.validation).toEqual({ tokens: 0, documents: 0, bytes: 0, shards: [] })
  })

  test('are uint32 where the vocabulary has over 65,536 tokens', async () => {
    const large = byteTokenizer(70_000)
    const manifest = await tokenize({ name: 'a', documents: ['a'] }, large, folder)
    expect(manifest.dtype).toBe('uint32')
    const bytes = readFileSync(join(folder, 'training-00000.bin'))
    expect([0, 4, 8].map(at => bytes.readUInt32LE(at))).toEqual([70_256, 70_097, 70_257])
    const { training } = await openTokens(folder, large)
    expect([...(await training.read(0, 3))]).toEqual([70_256, 70_097, 70_257])
    await training.close()
    const edge = await tokenize({ name: 'a', documents: ['a'] }, byteTokenizer(65_536 - 258), join(folder, 'edge'))
    expect(edge.dtype).toBe('uint16')
  })

  test('hold what tokens in memory hold, however many shards there are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ minLength: 1, unit: 'grapheme', maxLength: 30 }), { minLength: 1, maxLength: 30 }),
        fc.record({ bos: fc.boolean(), eos: fc.boolean(), validation: fc.constantFrom(0, 0.3) }),
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 20 }),
        async (documents, options, shardTokens, ranges) => {
          const own = newFolder()
          const memory = await tokenizeInMemory(documents, tokenizer, 'a', options)
          await tokenize({ name: 'a', documents }, tokenizer, own, { ...options, shardTokens })
          const disk = await openTokens(own, tokenizer)
          for (const split of ['training', 'validation'] as const) {
            const [expected, found] = [memory[split], disk[split]]
            expect([found.tokens, found.documents]).toEqual([expected.tokens, expected.documents])
            for (const pair of ranges) {
              const [start, end] = pair.map(at => at % (expected.tokens + 1)).sort((a, b) => a - b)
              expect(await found.read(start, end)).toEqual(await expected.read(start, end))
              expect(await found.documentStarts(start, end)).toEqual(await expected.documentStarts(start, end))
            }
            for (let i = 0; i < expected.documents; i++)
              expect(await found.document(i)).toEqual(await expected.document(i))
            await found.close()
          }
        },
      ),
      { seed, numRuns: 40 },
    )
  })

  test('of many documents are found through pages of the index', async () => {
    const documents = Array.from({ length: 3000 }, (_, i) => 'x'.repeat(1 + ((i * i) % 5)))
    await tokenize({ name: 'a', documents }, tokenizer, folder, { shardTokens: 9000 })
    const { training } = await openTokens(folder)
    const starts = await training.documentStarts(0, training.tokens)
    expect(starts).toHaveLength(3000)
    for (const i of [0, 1, 511, 512, 513, 1024, 2222, 2999]) {
      expect([...(await training.document(i))]).toEqual([256, ...Array(1 + ((i * i) % 5)).fill(120), 257])
      expect(await training.documentStarts(starts[i], Math.min(training.tokens, starts[i] + 1))).toEqual([starts[i]])
    }
    await training.close()
  })

  test('are synced to the disk, each and their folder, before the manifest appears', async () => {
    mkdirSync(folder)
    const probe = await open(join(folder, 'probe'), 'w')
    const prototype = Object.getPrototypeOf(probe)
    await probe.close()
    const sync = vi.spyOn(prototype, 'sync')
    await tokenize({ name: 'a', documents: texts }, tokenizer, folder)
    expect(sync).toHaveBeenCalledTimes(process.platform === 'win32' ? 3 : 4)
    sync.mockRestore()
  })

  test('a new shard starts when one has the requested number of tokens', async () => {
    const documents = ['ab', 'cd', 'efg', 'h']
    const manifest = await tokenize({ name: 'a', documents }, tokenizer, folder, { shardTokens: 8 })
    expect(manifest.splits.training.shards.map(({ tokens }) => tokens)).toEqual([8, 8])
  })

  test('of 8 GiB are read in place', async () => {
    await tokenize({ name: 'a', documents: ['ab'] }, tokenizer, folder)
    const tokens = 2 ** 32
    // A sparse file: zeros, and the tokens that were there at its start.
    truncateSync(join(folder, 'training-00000.bin'), 2 * tokens)
    const end = Buffer.alloc(8)
    end.writeBigUInt64LE(BigInt(tokens))
    writeFileSync(join(folder, 'training-00000.bin.index'), end)
    const path = join(folder, 'manifest.json')
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"tokens": 4', `"tokens": ${tokens}`))
    const { training } = await openTokens(folder, tokenizer)
    const mixture = createMixture([{ name: 'a', share: 1, tokens: training }], { rowTokens: 64 })
    const memory = process.memoryUsage().rss
    for (const n of [0, 12_345, 67_108_863, 67_108_864]) {
      const { start, ids, documents } = await mixture.row(n)
      const at = (tokens - start) % tokens
      expect([...ids]).toEqual(Array.from(ids, (_, i) => [256, 97, 98, 257][i - at] ?? 0))
      expect([...documents]).toEqual(at > 0 && at <= 64 ? [0, at] : [0])
    }
    expect(process.memoryUsage().rss - memory).toBeLessThan(2 ** 28)
    await training.close()
  })

  test('replace the files of a killed run, which are never used as complete', async () => {
    await tokenize({ name: 'a', documents: texts }, tokenizer, folder)
    rmSync(join(folder, 'manifest.json'))
    truncateSync(join(folder, 'training-00000.bin'), 10)
    writeFileSync(join(folder, 'training-00000.bin.0123.part'), 'half')
    await expect(openTokens(folder)).rejects.toThrow('manifest.json: there is no such file')
    await tokenize({ name: 'a', documents: texts }, tokenizer, folder)
    await verifyShards(folder)
  })

  test('of several folders are one source', async () => {
    await tokenize({ name: 'a', documents: ['ab'] }, tokenizer, join(folder, '1'))
    await tokenize({ name: 'a', documents: ['c', 'd'] }, tokenizer, join(folder, '2'))
    const { training, bytes } = await openTokens([join(folder, '1'), join(folder, '2')], tokenizer)
    expect([...(await training.read(0, training.tokens))]).toEqual([256, 97, 98, 257, 256, 99, 257, 256, 100, 257])
    expect(await training.documentStarts(0, 10)).toEqual([0, 4, 7])
    expect(bytes).toEqual({ training: 4, validation: 0 })
    await training.close()
  })

  test('whether a document goes to validation depends on its text alone', async () => {
    const options = { validation: 0.25 }
    const splits = async (documents: string[]) => {
      const { validation } = await tokenizeInMemory(documents, tokenizer, 'a', options)
      const held: string[] = []
      for (let i = 0; i < validation.documents; i++) {
        held.push(new TextDecoder().decode(Uint8Array.from((await validation.document(i)).subarray(1, -1))))
      }
      return held.sort()
    }
    const texts = Array.from({ length: 4000 }, (_, i) => `text ${i}`)
    const held = await splits(texts)
    // Binomial: the deviation is 27.
    expect(Math.abs(held.length - 1000)).toBeLessThan(6 * 27)
    expect(await splits([...texts].reverse())).toEqual(held)
    expect(await splits([...held, ...held])).toEqual([...held, ...held].sort())
  })
})

interface Manifest {
  splits: { training: { tokens: number; shards: object[] } }
}

describe('shards that cannot be used', () => {
  const make = () => tokenize({ name: 'a', documents: texts }, tokenizer, folder)
  const bin = () => join(folder, 'training-00000.bin')
  const edit = (change: (manifest: Manifest) => void) => {
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
    change(manifest)
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))
  }

  test.each<[string, () => unknown, string]>([
    [
      'none',
      () => rmSync(folder, { recursive: true }),
      'manifest.json: there is no such file: tokenize the source first',
    ],
    ['a missing shard', () => rmSync(bin()), 'training-00000.bin: it cannot be read (ENOENT'],
    ['a shard cut short', () => truncateSync(bin(), 100), 'training-00000.bin: it is cut short: it has 100 bytes'],
    [
      'an index cut short',
      () => truncateSync(`${bin()}.index`, 8),
      'bin.index: it is cut short: it has 8 bytes, but the manifest says 320',
    ],
    ['a shard too long', () => writeFileSync(bin(), 'x', { flag: 'a' }), 'training-00000.bin: it is too long'],
    ['a manifest that is no JSON', () => writeFileSync(join(folder, 'manifest.json'), '{'), 'it is not JSON'],
    [
      'a manifest of another format',
      () => edit(m => Object.assign(m, { format: 'x' })),
      'format: "x": expected cria-token-shards',
    ],
    ['a later version', () => edit(m => Object.assign(m, { version: 2 })), 'version: 2: expected 1'],
    ['an unknown key', () => edit(m => Object.assign(m, { extra: 1 })), 'extra: unknown key'],
    ['a list', () => writeFileSync(join(folder, 'manifest.json'), '[]'), 'top level: []: expected an object'],
    [
      'a path out of the folder',
      () => edit(m => Object.assign(m.splits.training.shards[0], { file: '../../secret.bin' })),
      'splits.training.shards[0].file: "../../secret.bin": expected the name of a .bin file in the same folder',
    ],
    ['counts that do not add up', () => edit(m => m.splits.training.tokens++), 'but its shards have'],
    [
      'a count without end',
      () => edit(m => Object.assign(m.splits.training.shards[0], { tokens: 1e300 })),
      'splits.training.shards[0].tokens: 1e+300: expected a count',
    ],
    ['another dtype', () => edit(m => Object.assign(m, { dtype: 'uint32' })), 'dtype: uint32: expected uint16'],
  ])('%s', async (_, damage, message) => {
    await make()
    damage()
    const opened = openTokens(folder, tokenizer)
    await expect(opened).rejects.toThrow(ShardError)
    await expect(opened).rejects.toThrow(message)
  })

  test('those of another tokenizer', async () => {
    await make()
    const opened = openTokens(folder, { ...tokenizer, encode: text => Array.from(text, () => 0) })
    await expect(opened).rejects.toThrow(ShardError)
    await expect(opened).rejects.toThrow('the shards are of another tokenizer, they encode the same text differently')
  })

  test('those of two tokenizers', async () => {
    await tokenize({ name: 'a', documents: texts }, tokenizer, join(folder, '1'))
    await tokenize({ name: 'a', documents: texts }, byteTokenizer(5), join(folder, '2'))
    await expect(openTokens([join(folder, '1'), join(folder, '2')])).rejects.toThrow(
      'another tokenizer, vocabSize is 263',
    )
  })

  test('an id outside the vocabulary is found where it is read, a changed byte by the hash', async () => {
    await make()
    const bytes = readFileSync(bin())
    bytes.writeUInt16LE(999, 2 * 7)
    writeFileSync(bin(), bytes)
    const { training } = await openTokens(folder, tokenizer)
    await training.read(0, 7)
    await expect(training.read(5, 9)).rejects.toThrow(VocabularyError)
    await expect(training.read(5, 9)).rejects.toThrow(
      'training-00000.bin: token 7: token id 999 is outside the vocabulary of 258',
    )
    await training.close()
    await expect(verifyShards(folder)).rejects.toThrow('training-00000.bin: its SHA-256 is not that of the manifest')
  })

  test('ends of documents that do not ascend', async () => {
    await make()
    const index = readFileSync(`${bin()}.index`)
    index.writeBigUInt64LE(2n ** 60n, 8)
    writeFileSync(`${bin()}.index`, index)
    const { training } = await openTokens(folder, tokenizer)
    await expect(training.documentStarts(0, 100)).rejects.toThrow('training-00000.bin.index: it is damaged')
    await expect(training.document(1)).rejects.toThrow(ShardError)
    await training.close()
  })

  test('a shard that is cut while it is in use', async () => {
    await make()
    const { training } = await openTokens(folder, tokenizer)
    await training.read(0, 10)
    truncateSync(bin(), 12)
    await expect(training.read(0, 10)).rejects.toThrow('it ends at byte 12: it was cut short while in use')
    await training.close()
  })
})

test('more shards than a process may open are read through a few handles', async () => {
  const pool = new FilePool(3)
  mkdirSync(folder)
  const paths = Array.from({ length: 10 }, (_, i) => join(folder, String(i)))
  for (const [i, path] of paths.entries()) writeFileSync(path, Uint8Array.of(i, i + 1))
  const opened = async () => readdirSync('/proc/self/fd').length
  const before = process.platform === 'linux' ? await opened() : 0
  const views = await Promise.all([...paths, ...paths].map(path => pool.read(path, 1, 1)))
  expect(views.map(view => view.getUint8(0))).toEqual([...paths, ...paths].map((_, i) => (i % 10) + 1))
  if (process.platform === 'linux') expect((await opened()) - before).toBeLessThanOrEqual(3)
  await expect(pool.read(join(folder, 'none'), 0, 1)).rejects.toThrow(ShardError)
  await pool.close()
  if (process.platform === 'linux') expect(await opened()).toBe(before)
})
