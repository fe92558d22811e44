import { expect, test } from 'vitest'
import {
  ConversionError,
  type GgufEntry,
  memorySource,
  openCheckpoint,
  outputBytes,
  readVocabulary,
  vocabularyFiles,
  writeShardedSafetensors,
} from '../src/index'
import { folder, gguf, sourceOf, sourcesOf, tensor } from './small-models'

test('shards are named and listed as transformers does', async () => {
  const tensors = ['a', 'b', 'c'].map((name, i) => tensor(name, i))
  const files = writeShardedSafetensors(tensors, 32)
  expect(files.map(({ name }) => name)).toEqual([
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
  ])
  expect(JSON.parse(new TextDecoder().decode(await outputBytes(files[2])))).toEqual({
    metadata: { total_size: 48 },
    weight_map: {
      a: 'model-00001-of-00002.safetensors',
      b: 'model-00001-of-00002.safetensors',
      c: 'model-00002-of-00002.safetensors',
    },
  })
  expect(() => writeShardedSafetensors(tensors, 0)).toThrow(/^model.safetensors: maxShardBytes: is 0, expected a size$/)
  expect(() => writeShardedSafetensors(tensors, Number.NaN)).toThrow(ConversionError)
})

test('every type of metadata in GGUF reads back', async () => {
  const entries: GgufEntry[] = [
    ['bools', { type: 'array', items: 'bool', value: Uint8Array.of(1, 0, 1) }],
    ['bool', { type: 'bool', value: true }],
    ['bytes', { type: 'array', items: 'u8', value: Uint8Array.of(0, 255) }],
    ['negative', { type: 'i64', value: -5 }],
    ['pi', { type: 'f64', value: Math.PI }],
    ['i8', { type: 'i8', value: -128 }],
    // A byte order mark belongs to the text.
    ['text', { type: 'string', value: '\ufeffé' }],
  ]
  const { metadata } = await openCheckpoint(await sourceOf(gguf('model.gguf', entries)))
  if (metadata.kind !== 'gguf') return expect.fail(metadata.kind)
  const values = entries.map(([key]) => {
    const value = metadata.entries.get(key)?.value
    return [key, typeof value === 'object' ? [...value] : value]
  })
  expect(Object.fromEntries(values)).toEqual({
    ...{ bools: [1, 0, 1], bool: true, bytes: [0, 255], negative: -5, pi: Math.PI, i8: -128, text: '\ufeffé' },
  })
})

test('a file can be written twice: what the first reader did to its bytes does not matter', async () => {
  const file = gguf()
  const bytes = await outputBytes(file)
  for await (const chunk of file.chunks()) chunk.fill(0)
  expect(await outputBytes(file)).toEqual(bytes)
  expect(bytes.length).toBe(file.size)
})

test('GGUF tensors begin at multiples of 32 bytes, and the last one is padded', async () => {
  const eight = { ...tensor('eight', 0), shape: [2, 4], bytes: async () => new Uint8Array(32).fill(1) }
  const sizes: number[] = []
  for await (const chunk of gguf('model.gguf', [], [tensor('a', 7), eight, tensor('b', 8)]).chunks())
    sizes.push(chunk.length)
  const [header, ...rest] = sizes
  expect(header % 32).toBe(0)
  expect(rest).toEqual([16, 16, 32, 16, 16])
})

test.each([32, 64, 2 ** 20])(
  'tensors of a GGUF file with an alignment of %i begin at multiples of it',
  async alignment => {
    const entry: GgufEntry = ['general.alignment', { type: 'u32', value: alignment }]
    const written = await outputBytes(gguf('model.gguf', [entry]))
    // The writer aligns to 32 bytes: its only tensor is moved.
    const header = written.subarray(0, -32)
    const begin = Math.ceil(header.length / alignment) * alignment
    const bytes = new Uint8Array(begin + 32)
    bytes.set(header)
    bytes.set(written.subarray(-32), begin)
    const checkpoint = await openCheckpoint(memorySource(bytes, 'model.gguf'))
    expect((await checkpoint.read('a')).data).toEqual(Float32Array.of(7, 1, 2, 3))
  },
)

test('a GGUF tensor may have four axes, of one element each', async () => {
  const file = gguf('model.gguf', [], [{ ...tensor('a', 7), shape: [1, 1, 1, 4] }])
  const checkpoint = await openCheckpoint(await sourceOf(file))
  expect(checkpoint.tensors.get('a')?.shape).toEqual([1, 1, 1, 4])
})

test('the header of GGUF may be longer than the first read', async () => {
  const text: GgufEntry = ['text', { type: 'string', value: 'x'.repeat(3_000_000) }]
  const source = await sourceOf(gguf('model.gguf', [text]))
  const reads: number[] = []
  const counted = {
    ...source,
    read: (...args: Parameters<typeof source.read>) => {
      reads.push(args[1])
      return source.read(...args)
    },
  }
  const checkpoint = await openCheckpoint(counted)
  expect((await checkpoint.read('a')).data[0]).toBe(7)
  // The magic, the first megabyte, the end of the text and twice as much, all but the text.
  expect(reads.length).toBeLessThan(6)
  expect(reads.every(length => length <= source.size)).toBe(true)
})

test.each([
  [0xffffffff, undefined],
  [0, 0],
  [2, 2],
])('a BOS of %i in a file with three pieces is read as %s', async (id, bosId) => {
  const bos: GgufEntry = ['tokenizer.ggml.bos_token_id', { type: 'u32', value: id }]
  expect(await readVocabulary(await sourceOf(gguf('model.gguf', [bos])))).toMatchObject({ bosId })
})

test('a BOS of -1 does not exist', async () => {
  const bos: GgufEntry = ['tokenizer.ggml.bos_token_id', { type: 'i32', value: -1 }]
  expect(await readVocabulary(await sourceOf(gguf('model.gguf', [bos])))).toMatchObject({ bosId: undefined })
})

test('a tokenizer is saved under its usual name, with the files beside it', async () => {
  const beside = {
    'tokenizer_config.json': { add_bos_token: true },
    'added_tokens.json': { '<x>': 3 },
    'special_tokens_map.json': { bos_token: '<s>' },
  }
  const model = {
    name: 'tokenizer.model',
    size: 3,
    chunks: async function* () {
      yield Uint8Array.of(1, 2, 3)
    },
  }
  const { vocabulary } = await openCheckpoint(await sourcesOf([...folder(beside), model]))
  const files = vocabularyFiles(vocabulary)
  const json = async (index: number) => JSON.parse(new TextDecoder().decode(await outputBytes(files[index])))
  expect(files.map(({ name }) => name)).toEqual([
    'tokenizer.model',
    'tokenizer_config.json',
    'added_tokens.json',
    'special_tokens_map.json',
  ])
  expect([await json(1), await json(2), await json(3)]).toEqual(Object.values(beside))
  expect(await outputBytes(files[0])).toEqual(Uint8Array.of(1, 2, 3))
})
