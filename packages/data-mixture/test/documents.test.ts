import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  type DecompressOptions,
  DocumentError,
  decompressed,
  jsonlDocuments,
  parquetDocuments,
  textDocuments,
} from '../src'
import { decodeUtf8 } from '../src/documents/bytes'
import { ZstdFrames } from '../src/documents/zstd-frames'
import { gunzip } from '../src/node'

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 31)
const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`./fixtures/${name}`, import.meta.url)))
const utf8 = (text: string) => new TextEncoder().encode(text)

/** What tooling/referee/data-mixture/inputs.py wrote, without the texts that are white space. */
const documents = ['Once upon a time.', 'Two\nlines', 'naïve café 🦙', 'a llama '.repeat(40), '日本語の文章']
const separator = '<|endoftext|>'

const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** The bytes in pieces of these lengths, and the rest; pieces may be empty. */
const cut = (bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] => {
  const pieces: Uint8Array[] = []
  let at = 0
  for (const length of lengths) {
    pieces.push(bytes.subarray(at, at + length))
    at = Math.min(bytes.length, at + length)
  }
  return [...pieces, bytes.subarray(at)]
}

/** However the bytes come, the documents are these. */
const holds = (bytes: Uint8Array, read: (pieces: Uint8Array[]) => AsyncIterable<string>, expected: string[]) =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 60 }), async lengths => {
      expect(await all(read(cut(bytes, lengths)))).toEqual(expected)
    }),
    { seed, numRuns: 60 },
  )

/** A file in memory, as a page has it. */
const memoryFile = (bytes: Uint8Array) => ({
  byteLength: bytes.length,
  slice: (start: number, end?: number) => bytes.slice(start, end).buffer,
})

describe(`documents of a text, seed ${seed}`, () => {
  const text = `\uFEFF${documents.join(`\n${separator}\n`)}\r\n${separator}\r\n \n${separator}\n\nthe last, ${separator} in it`
  const expected = [...documents.slice(0, -1), `${documents.at(-1)}\r`, `\nthe last, ${separator} in it`]

  test('a line ends each, white space alone is none, a byte order mark is left out', () =>
    holds(utf8(text), pieces => textDocuments(pieces, { file: 'a.txt', separator }), expected))

  test('without a separator the text is one document', () =>
    holds(utf8(text), pieces => textDocuments(pieces, { file: 'a.txt' }), [text.slice(1)]))

  test('a text of white space has none', async () => {
    expect(await all(textDocuments([utf8(' \n\n')], { file: 'a.txt' }))).toEqual([])
    expect(await all(textDocuments([], { file: 'a.txt', separator }))).toEqual([])
  })

  test.each([
    [
      'a byte of another encoding',
      Uint8Array.of(97, 0xe9, 98),
      'a.txt: it is not UTF-8 text in bytes 0 to 3: convert it',
    ],
    [
      'half a character at the end',
      utf8('🦙').subarray(0, 2),
      'a.txt: it is not UTF-8 text at its end, where it is cut',
    ],
  ])('%s', async (_, bytes, message) => {
    for (const options of [{ file: 'a.txt' }, { file: 'a.txt', separator }]) {
      const reading = all(textDocuments([bytes], options))
      await expect(reading).rejects.toThrow(DocumentError)
      await expect(reading).rejects.toThrow(message)
    }
  })

  test('a document over the limit is refused before it is held', async () => {
    const piece = utf8('a'.repeat(2 ** 20))
    async function* endless() {
      for (;;) yield piece
    }
    const message = 'a.txt: a document has over 268435456 characters: split it'
    await expect(all(textDocuments(endless(), { file: 'a.txt' }))).rejects.toThrow(message)
  })
})

describe(`documents of JSON lines, seed ${seed}`, () => {
  const lines = ['', ...documents, ' ', '\u2028'].map(text => JSON.stringify({ n: 1, text, body: 'b' }))

  test('a field of each line', () =>
    holds(utf8(`${lines.join('\n')}\n\n`), pieces => jsonlDocuments(pieces, { file: 'a.jsonl' }), documents))

  test('another field', async () => {
    const read = jsonlDocuments([utf8(lines[0])], { file: 'a.jsonl', field: 'body' })
    expect(await all(read)).toEqual(['b'])
  })

  test.each([
    ['{"text": "a"', 'a.jsonl: line 2 is not JSON: expected one object a line'],
    ['["a"]', 'line 2 is not a JSON object: expected { "text": "…" }'],
    ['null', 'line 2 is not a JSON object'],
    ['{"body": "a", "n": 1}', 'line 2 has no string in the field "text"; its fields are body, n'],
    ['{"text": 5}', 'line 2 has no string in the field "text"'],
    ['{"__proto__": {"text": "a"}}', 'line 2 has no string in the field "text"'],
  ])('%s is refused', async (line, message) => {
    const reading = all(jsonlDocuments([utf8(`{"text": "a"}\n${line}\n`)], { file: 'a.jsonl' }))
    await expect(reading).rejects.toThrow(DocumentError)
    await expect(reading).rejects.toThrow(message)
  })
})

describe(`compressed files, seed ${seed}`, () => {
  const text = `${documents.map(text => JSON.stringify({ text })).join('\n')}\n`
  const gzip = new Uint8Array(gzipSync(text))
  const members = Uint8Array.of(
    ...new Uint8Array(gzipSync(text.slice(0, 30))),
    ...new Uint8Array(gzipSync(text.slice(30))),
  )
  const files = {
    gzip,
    'zstd of one frame': fixture('one-frame.jsonl.zst'),
    'zstd of several frames': fixture('frames.jsonl.zst'),
    'no compression': utf8(text),
  }
  const read = (pieces: Iterable<Uint8Array>, options?: DecompressOptions) =>
    jsonlDocuments(decompressed(pieces, 'a.jsonl', options), { file: 'a.jsonl' })

  test.each(Object.entries(files))('%s', (_, bytes) => holds(bytes, read, documents))

  test.each([
    ['one member', gzip],
    ['two members', members],
  ])("gzip of %s, by Node's zlib", async (_, bytes) => {
    await holds(bytes, pieces => read(pieces, { gunzip }), documents)
    for (let length = 5; length < bytes.length; length++) {
      const reading = all(decompressed([bytes.subarray(0, length)], 'a.gz', { gunzip }))
      const isBetween = bytes === members && length === gzipSync(text.slice(0, 30)).length
      if (isBetween) await reading
      else await expect(reading, String(length)).rejects.toThrow('a.gz: its gzip data is damaged or cut short')
    }
    const junk = Uint8Array.of(...bytes, 120, 121)
    await expect(all(decompressed([junk], 'a.gz', { gunzip }))).rejects.toThrow('a.gz: its gzip data is damaged')
  })

  test.each(['gzip', 'zstd of one frame', 'zstd of several frames'] as const)('%s, cut short anywhere', async name => {
    const bytes = files[name]
    const frames = name.includes('several') ? new Set([11, secondFrame(bytes)]) : new Set<number>()
    for (let length = 5; length < bytes.length; length++) {
      const reading = all(decompressed([bytes.subarray(0, length)], 'a.zst'))
      // Between frames the data is whole.
      if (frames.has(length)) await reading
      else
        await expect(reading, String(length)).rejects.toThrow(/^a\.zst: its (gzip|zstd) data is damaged or cut short/)
    }
  })

  test('damaged bytes are an error, or are found by what reads the text, and never hang', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.values(files)), fc.nat(), fc.nat(255), async (bytes, at, value) => {
        const damaged = bytes.slice()
        damaged[at % bytes.length] = value
        await all(read([damaged])).catch(error => expect(error).toBeInstanceOf(DocumentError))
      }),
      { seed, numRuns: 300 },
    )
  })

  test.each([
    ['DecompressionStream', undefined],
    ["Node's zlib", gunzip],
  ])(
    '%s: an error of the reader stays what it is, and a reader that stops early closes its source',
    async (_, gunzip) => {
      async function* broken() {
        yield gzip.subarray(0, 20)
        throw new DocumentError('a.gz', 'it cannot be read')
      }
      await expect(all(decompressed(broken(), 'a.gz', { gunzip }))).rejects.toThrow('a.gz: it cannot be read')
      let [passed, closed] = [0, 0]
      const pieces = cut(new Uint8Array(gzipSync('a'.repeat(1e7))), Array(90).fill(100))
      async function* source() {
        try {
          for (const piece of pieces) {
            await new Promise(resolve => setTimeout(resolve, 1))
            passed++
            yield piece
          }
        } finally {
          closed++
        }
      }
      for await (const piece of decompressed(source(), 'a', { gunzip })) {
        expect(piece[0]).toBe(97)
        break
      }
      await vi.waitFor(() => expect(closed).toBe(1))
      expect(passed).toBeLessThan(pieces.length)
    },
  )

  test('a stream is read and let go', async () => {
    let cancelled = false
    const own = new ReadableStream<Uint8Array>({
      pull: controller => controller.enqueue(utf8('{"text": "a"}\n')),
      cancel: () => {
        cancelled = true
      },
    })
    for await (const document of jsonlDocuments(decompressed(own, 'a'), { file: 'a' })) {
      expect(document).toBe('a')
      break
    }
    expect(cancelled).toBe(true)
  })

  test('zstd: frames of a block of one repeated byte', async () => {
    // One segment of 20 bytes; the last block, 20 times the byte that follows.
    const frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 20, 0xa3, 0, 0, 97]
    const text = await all(decodeUtf8(decompressed([Uint8Array.of(...frame, ...frame)], 'a.zst'), 'a.zst'))
    expect(text.join('')).toBe('a'.repeat(40))
  })

  test.each([
    ['a window of 2 GiB', [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0, 0, 0], 'a frame needs a window of 2147483648 bytes'],
    [
      'a content of 256 MiB in one segment',
      [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x10],
      'a window of 268435456 bytes',
    ],
    [
      'a content of 2^40 in one segment',
      [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0],
      'a window of 1099511627776',
    ],
    ['a dictionary', [0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x00, 5, 0, 0], 'a frame needs a dictionary'],
    ['bytes that are not a frame', [1, 2, 3, 4, 5, 6, 7, 8], 'does not start with the magic number'],
  ])('zstd: %s is refused before memory is allocated, also in a later frame', async (_, header, message) => {
    for (const before of [new Uint8Array(0), fixture('one-frame.jsonl.zst')]) {
      const bytes = Uint8Array.of(...before, ...header)
      expect(() => new ZstdFrames().push(bytes)).toThrow(message)
      if (before.length > 0) await expect(all(decompressed([bytes], 'a.zst'))).rejects.toThrow(message)
    }
  })
})

/** Where the second frame of content starts: by the magic number, which is nowhere else in the fixture. */
const secondFrame = (bytes: Uint8Array): number => {
  const at: number[] = []
  for (let i = 0; i + 4 <= bytes.length; i++) {
    if (bytes[i] === 0x28 && bytes[i + 1] === 0xb5 && bytes[i + 2] === 0x2f && bytes[i + 3] === 0xfd) at.push(i)
  }
  expect(at).toHaveLength(2)
  return at[1]
}

describe('documents of Parquet', () => {
  test.each(['snappy', 'zstd', 'gzip', 'brotli', 'none'])('%s, by pyarrow, of three row groups', async codec => {
    const file = `${codec}.parquet`
    expect(await all(parquetDocuments(memoryFile(fixture(file)), { file }))).toEqual(documents)
  })

  test.each<[string, Uint8Array, string, string]>([
    [
      'no such column',
      fixture('snappy.parquet'),
      'body',
      'a.parquet: it has no column "body"; its columns are id, text',
    ],
    ['a column of numbers', fixture('snappy.parquet'), 'id', 'its column "id" is of type INT32: expected text'],
    ['a missing text', fixture('null.parquet'), 'text', 'row 1 has no text in "text"'],
    ['other bytes than UTF-8', fixture('not-utf8.parquet'), 'text', 'a text in it is not UTF-8'],
    ['a page of 256 MiB in 9 kB', fixture('bomb.parquet'), 'text', 'a page of 268435461 bytes is over the limit'],
    ['another format', utf8('{"text": "a"}\n'), 'text', 'it cannot be read as Parquet'],
    ['nothing', new Uint8Array(0), 'text', 'it cannot be read as Parquet'],
  ])('%s', async (_, bytes, field, message) => {
    const reading = all(parquetDocuments(memoryFile(bytes), { file: 'a.parquet', field }))
    await expect(reading).rejects.toThrow(DocumentError)
    await expect(reading).rejects.toThrow(message)
  })

  test(`damaged files are errors that name them, seed ${seed}`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('snappy', 'zstd', 'gzip', 'brotli', 'none'),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (codec, damage) => {
          const bytes = fixture(`${codec}.parquet`)
          for (const [at, value] of damage) bytes[at % bytes.length] = value
          await all(parquetDocuments(memoryFile(bytes), { file: 'a.parquet' })).catch(error => {
            expect(error).toBeInstanceOf(DocumentError)
          })
        },
      ),
      { seed, numRuns: 300 },
    )
  })
})
