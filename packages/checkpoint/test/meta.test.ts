import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Checkpoint, memorySource, openCheckpoint, type TensorData, weightsOf } from '../src/index'
import { expectSameTensors, haveStories, open, original, readAll } from './stories'
import { torchFile } from './torch-writer'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-meta-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('shards that torch saved are joined, each tensor along its axis', async () => {
  const checkpoint = await open(fileURLToPath(new URL('fixtures/meta-2-shards', import.meta.url)))
  expect(checkpoint.config).toEqual({
    dim: 32,
    n_layers: 2,
    n_heads: 4,
    n_kv_heads: 2,
    vocab_size: 48,
    hidden_dim: 96,
    norm_eps: 1e-5,
    max_seq_len: 4096,
    rope_theta: 10000,
    tied_output: false,
  })
  let number = 0
  for (const name of checkpoint.tensors.keys()) {
    const { data, shape } = await checkpoint.read(name)
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
  const { data, shape } = await checkpoint.read(name)
  const source = memorySource(new Uint8Array(data.buffer))
  const whole = { name, shape, dtype: 'f32', parts: [{ source, offset: 0, shape }] } as const
  const { readStored } = await import('../src/stored-tensor')
  for (const dtype of ['f16', 'q8_0', 'q4_0'] as const) {
    expect(await checkpoint.read(name, { dtype })).toEqual(await readStored(whole, { dtype }))
  }
})

/** Part `index` of `count` of a matrix, cut along an axis. */
const cut = (data: Float32Array, [rows, columns]: readonly number[], axis: number, index: number, count: number) => {
  if (axis === 0) return data.slice((index * rows * columns) / count, ((index + 1) * rows * columns) / count)
  const width = columns / count
  const out = new Float32Array(rows * width)
  for (let r = 0; r < rows; r++) {
    out.set(data.subarray(r * columns + index * width, r * columns + (index + 1) * width), r * width)
  }
  return out
}

/** Meta's form of a model: `params.json` and `consolidated.NN.pth`, as bytes by name. */
const metaFiles = ({ config }: Checkpoint, tensors: ReadonlyMap<string, TensorData>, count: number) => {
  const files = new Map<string, Buffer>()
  for (let index = 0; index < count; index++) {
    const shard = [...weightsOf(config)].map(({ meta: name, shape, shardAxis }) => {
      const data = tensors.get(name)?.data as Float32Array
      if (shardAxis === undefined) return { name, shape, data }
      const part = shape.map((size, axis) => (axis === shardAxis ? size / count : size))
      return { name, shape: part, data: cut(data, shape, shardAxis, index, count) }
    })
    files.set(`consolidated.0${index}.pth`, torchFile(shard))
  }
  const { dim, n_layers, n_heads, n_kv_heads, norm_eps, max_seq_len } = config
  const params = { dim, n_layers, n_heads, n_kv_heads, norm_eps, max_seq_len, vocab_size: -1, multiple_of: 4 }
  return files.set('params.json', Buffer.from(JSON.stringify(params)))
}

test.skipIf(!haveStories).each([1, 2, 4])(
  'stories260K in Meta’s form, in %i shards, reads back the same',
  async count => {
    const { checkpoint, tensors } = await original()
    const files = metaFiles(checkpoint, tensors, count)
    const opened = await openCheckpoint([...files].map(([name, bytes]) => memorySource(bytes, name)))
    expect(opened.config).toEqual(checkpoint.config)
    expectSameTensors(await readAll(opened), tensors)
  },
)

test.skipIf(!haveStories)('stories260K in Meta’s form opens from its folder, and from any file of it', async () => {
  const { checkpoint, tensors } = await original()
  for (const [name, bytes] of metaFiles(checkpoint, tensors, 2)) await writeFile(join(folder, name), bytes)
  for (const path of ['', 'params.json', 'consolidated.01.pth']) {
    expect((await open(join(folder, path))).config).toEqual(checkpoint.config)
  }
})
