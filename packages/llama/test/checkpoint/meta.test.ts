import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { memorySource, readArray, type TensorData } from '@cria/checkpoint'
import { metaFiles, torchFile } from '@cria/torch-file'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LlamaWeights, llamaWeights } from '../../src/checkpoint'
import { resolveConfig } from '../../src/config'
import { expectSameTensors, haveStories, open, openSources, original, readAll } from './stories'
import { tinyArrays, tinyConfig } from './tiny'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-meta-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('shards that torch saved are joined, each tensor along its axis', async () => {
  const checkpoint = await open(fileURLToPath(new URL('fixtures/meta-2-shards', import.meta.url)))
  const sizes = { dim: 32, n_layers: 2, n_heads: 4, n_kv_heads: 2, vocab_size: 48, hidden_dim: 96 }
  expect(checkpoint.config).toEqual(resolveConfig({ ...sizes, norm_eps: 1e-5, max_seq_len: 4096 }))
  let number = 0
  for (const name of checkpoint.tensors.keys()) {
    const { data, shape } = await checkpoint.read(name, { dtype: 'f32' })
    // The formula of tooling/referee/checkpoint/meta_shards.py.
    const expected = Float32Array.from(
      { length: shape.reduce((a, b) => a * b) },
      (_, i) => (((7919 * i + 104729 * number) % 255) - 127) / 128,
    )
    expect(data, name).toEqual(expected)
    number++
  }
  expect(number).toBe(21)
})

test('joined shards convert as they are read', async () => {
  const checkpoint = await open(fileURLToPath(new URL('fixtures/meta-2-shards', import.meta.url)))
  const name = 'layers.1.feed_forward.w2.weight'
  const { data, shape } = await checkpoint.read(name, { dtype: 'f32' })
  for (const dtype of ['f16', 'q8_0', 'q4_0'] as const) {
    expect(await checkpoint.read(name, { dtype })).toEqual(
      await readArray(data as Float32Array, name, shape, 'whole', { dtype }),
    )
  }
})

/** Meta's form of a model, as bytes by name. */
const formOf = ({ config }: LlamaWeights, tensors: ReadonlyMap<string, TensorData>, count: number) => {
  const { dim, n_layers, n_heads, n_kv_heads, norm_eps, max_seq_len } = config
  const weights = [...llamaWeights(config)].map(({ path: name, shape, shardAxis }) => ({
    ...{ name, shape, shardAxis },
    data: tensors.get(name)?.data as Float32Array,
  }))
  const params = { dim, n_layers, n_heads, n_kv_heads, norm_eps, max_seq_len, vocab_size: -1, multiple_of: 4 }
  return metaFiles(params, weights, count)
}

test.skipIf(!haveStories).each([1, 2, 4])(
  'stories260K in Meta’s form, in %i shards, reads back the same',
  async count => {
    const { checkpoint, tensors } = await original()
    const files = formOf(checkpoint, tensors, count)
    const opened = await openSources([...files].map(([name, bytes]) => memorySource(bytes, name)))
    expect(opened.config).toEqual(checkpoint.config)
    expectSameTensors(await readAll(opened), tensors)
  },
)

test('a file of zip64, as torch writes beyond 4 GB, reads as any other', async () => {
  const arrays = tinyArrays(tinyConfig)
  const weights = [...llamaWeights(tinyConfig)].map(({ path: name, shape, shardAxis }) => ({
    ...{ name, shape, shardAxis },
    data: arrays.get(name) as Float32Array,
  }))
  const { dim, n_layers, n_heads, n_kv_heads, norm_eps } = tinyConfig
  // Two thirds of 4 · 32 are 85, which no multiple makes the tiny model's 64: half of it is 42.
  const params = { dim, n_layers, n_heads, n_kv_heads, norm_eps, multiple_of: 64, ffn_dim_multiplier: 0.5 }
  for (const arrange of [() => {}, onlyOffsetsWide]) {
    const files = metaFiles(params, weights, 2, { zip64: true })
    for (const [name, bytes] of files) if (name.endsWith('.pth')) arrange(bytes)
    const opened = await openSources([...files].map(([name, bytes]) => memorySource(bytes, name)))
    expect(opened.tensors.size).toBe(weights.length)
    for (const [name, array] of arrays) expect((await opened.read(name)).data, name).toEqual(array)
  }
})

test('a tensor begins where its storage says, and an axis of one element may have any stride', async () => {
  const config = { ...tinyConfig, vocab_size: 1 }
  const arrays = tinyArrays(config)
  const tensors = [...llamaWeights(config)].map(({ path: name, shape }) => {
    const values = arrays.get(name) as Float32Array
    const data = Float32Array.from([9, 9, 9, ...values, 9])
    return { name, shape, data, offset: 3, ...(shape[0] === 1 && { stride: [7, 1] }) }
  })
  const { dim, n_layers, n_heads, n_kv_heads, norm_eps } = tinyConfig
  const params = { dim, n_layers, n_heads, n_kv_heads, norm_eps, multiple_of: 64, ffn_dim_multiplier: 0.5 }
  const opened = await openSources([
    memorySource(Buffer.from(JSON.stringify(params)), 'params.json'),
    memorySource(torchFile(tensors), 'consolidated.00.pth'),
  ])
  for (const [name, array] of arrays) expect((await opened.read(name)).data, name).toEqual(array)
})

/** An archive with sizes in 32 bits again, only offsets in 64, and before each of these a field of another program. */
const onlyOffsetsWide = (bytes: Buffer) => {
  const central = Buffer.from('PK\x01\x02')
  for (let at = bytes.indexOf(central); at >= 0; at = bytes.indexOf(central, at + 4)) {
    const extra = at + 46 + bytes.readUInt16LE(at + 28)
    const [size, offset] = [bytes.readBigUInt64LE(extra + 4), bytes.readBigUInt64LE(extra + 20)]
    bytes.writeUInt32LE(Number(size), at + 20)
    bytes.writeUInt32LE(Number(size), at + 24)
    bytes.writeUInt16LE(0x5455, extra)
    bytes.writeUInt16LE(12, extra + 2)
    bytes.fill(1, extra + 4, extra + 16)
    bytes.writeUInt16LE(1, extra + 16)
    bytes.writeUInt16LE(8, extra + 18)
    bytes.writeBigUInt64LE(offset, extra + 20)
  }
}

test.skipIf(!haveStories)('stories260K in Meta’s form opens from its folder, and from any file of it', async () => {
  const { checkpoint, tensors } = await original()
  for (const [name, bytes] of formOf(checkpoint, tensors, 2)) await writeFile(join(folder, name), bytes)
  for (const path of ['', 'params.json', 'consolidated.01.pth']) {
    expect((await open(join(folder, path))).config).toEqual(checkpoint.config)
  }
})

/** A model of Llama 3 in Meta's form: the embedding is cut along its rows, and the scaling of angles is a flag. */
const llama3Form = (count: number, more: Record<string, unknown> = {}) => {
  const arrays = tinyArrays(tinyConfig)
  const weights = [...llamaWeights(tinyConfig)].map(({ path: name, shape, shardAxis }) => ({
    ...{ name, shape, shardAxis: name === 'tok_embeddings.weight' ? (0 as const) : shardAxis },
    data: arrays.get(name) as Float32Array,
  }))
  const { dim, n_layers, n_heads, n_kv_heads, vocab_size } = tinyConfig
  const sizes = { dim, n_layers, n_heads, n_kv_heads, vocab_size, multiple_of: 64, ffn_dim_multiplier: 0.5 }
  return { arrays, files: metaFiles({ ...sizes, norm_eps: 1e-5, rope_theta: 500_000, ...more }, weights, count) }
}

test.each([1, 2])('Llama 3 in Meta’s form, in %i shards: its embedding is cut along its rows', async count => {
  const { arrays, files } = llama3Form(count, { use_scaled_rope: true })
  const opened = await openSources([...files].map(([name, bytes]) => memorySource(bytes, name)))
  for (const [name, array] of arrays) expect((await opened.read(name)).data, name).toEqual(array)
  expect(opened.config).toMatchObject({ vocab_size: 48, rope_theta: 500_000, max_seq_len: 131_072 })
  // Llama 3.2's small models have four times the factor of the others.
  expect(opened.config.rope_scaling).toEqual({
    ...{ type: 'llama3', factor: 32, low_freq_factor: 1, high_freq_factor: 4, original_max_seq_len: 8192 },
  })
})

test('what params.json says of the scaling counts', async () => {
  const { files } = llama3Form(1, { use_scaled_rope: true, rope_scaling_factor: 8, rope_high_freq_factor: 3 })
  const opened = await openSources([...files].map(([name, bytes]) => memorySource(bytes, name)))
  expect(opened.config.rope_scaling).toMatchObject({ factor: 8, high_freq_factor: 3 })
})
