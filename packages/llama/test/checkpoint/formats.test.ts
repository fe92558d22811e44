import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { outputBytes, type TensorData } from '@cria/checkpoint'
import { saveFile, saveFiles } from '@cria/checkpoint/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeGguf, writeHuggingFace, writeLlama2c } from '../../src/checkpoint'
import { expectSameTensors, haveStories, open, original, readAll, stories } from './stories'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-checkpoint-'))
})
afterAll(() => rm(folder, { recursive: true }))

test.skipIf(!haveStories)('stories260K: llama2.c version 1 holds the tensors of version 0', async () => {
  const { checkpoint, tensors } = await original()
  const v1 = await open(stories('clebert_checkpoint_v1.bin'))
  expect(v1.config).toEqual(checkpoint.config)
  expectSameTensors(await readAll(v1), tensors)
})

test.skipIf(!haveStories)('stories260K: llama2.c version 2 holds the tensors to half a step of int8', async () => {
  const { tensors } = await original()
  const v2 = await open(stories('stories260K-q8.bin'))
  for (const [name, tensor] of await readAll(v2)) {
    const expected = tensors.get(name)?.data as Float32Array
    const largest = expected.reduce((max, x) => Math.max(max, Math.abs(x)), 0)
    ;(tensor.data as Float32Array).forEach((x, i) => {
      if (Math.abs(x - expected[i]) > largest / 127 / 2 + 1e-6) expect.fail(`${name}[${i}] is ${x}, not ${expected[i]}`)
    })
  }
})

test.skipIf(!haveStories)(
  'stories260K: written as llama2.c version 0, the file is the same to the byte but its unused tables',
  async () => {
    const { checkpoint } = await original()
    const bytes = await outputBytes(writeLlama2c(checkpoint))
    const file = new Uint8Array(await readFile(stories('stories260K.bin')))
    expect(bytes.length).toBe(file.length)
    const weights = file.length - 2 * 512 * 4 * 4
    expect(Buffer.compare(bytes.subarray(0, weights), file.subarray(0, weights))).toBe(0)
  },
)

test.skipIf(!haveStories)(
  'stories260K: written as a Hugging Face folder, whole and sharded, it reads back the same',
  async () => {
    const { checkpoint, tensors } = await original()
    for (const [name, maxShardBytes] of [
      ['whole', 5e9],
      ['sharded', 300_000],
    ] as const) {
      await saveFiles(join(folder, name), writeHuggingFace(checkpoint, { maxShardBytes }))
      const back = await open(join(folder, name))
      expect(back.config).toEqual(checkpoint.config)
      expectSameTensors(await readAll(back), tensors)
    }
    expect((await readdir(join(folder, 'sharded'))).filter(name => name.endsWith('.safetensors'))).toHaveLength(4)
    expect(await readdir(join(folder, 'whole'))).toEqual(['config.json', 'model.safetensors', 'tokenizer.model'])
  },
)

test.skipIf(!haveStories)('stories260K: the tokenizer beside a file is its vocabulary', async () => {
  const { checkpoint } = await original()
  if (checkpoint.vocabulary?.kind !== 'file') return expect.fail('no vocabulary file')
  expect(await checkpoint.vocabulary.read()).toEqual(new Uint8Array(await readFile(stories('tok512.model'))))
})

test.skipIf(!haveStories)('a file is saved whole under its name, and nothing else is left', async () => {
  const { checkpoint } = await original()
  await saveFile(join(folder, 'new', 'copy.bin'), writeLlama2c(checkpoint))
  expect(await readdir(join(folder, 'new'))).toEqual(['copy.bin'])
})

test.skipIf(!haveStories)(
  'stories260K: the GGUF file holds the tensors of llama2.c, and an output of its own',
  async () => {
    const { checkpoint, tensors } = await original()
    const gguf = await open(stories('stories260K.gguf'))
    // That file was made with another context length, and with the tied output written out.
    expect(gguf.config).toEqual({ ...checkpoint.config, max_seq_len: 2048, tied_output: false })
    const output = tensors.get('tok_embeddings.weight') as TensorData
    expectSameTensors(await readAll(gguf), new Map([...tensors, ['output.weight', output]]))
  },
)

test.skipIf(!haveStories)('stories260K: written as GGUF, it reads back the same, the tokenizer inside', async () => {
  const { checkpoint, tensors } = await original()
  const { vocabulary } = await open(stories('stories260K.gguf'))
  if (vocabulary?.kind !== 'gguf') return expect.fail('no vocabulary inside')
  await saveFile(join(folder, 'model.gguf'), writeGguf(checkpoint, { vocabulary }))
  const back = await open(join(folder, 'model.gguf'))
  expect(back.config).toEqual(checkpoint.config)
  expect(back.vocabulary).toEqual(vocabulary)
  expectSameTensors(await readAll(back), tensors)
})

test.skipIf(!haveStories)('stories260K: quantised in a GGUF, a tensor is what reading it quantised gives', async () => {
  const { checkpoint } = await original()
  for (const dtype of ['f16', 'q8_0', 'q4_0'] as const) {
    await saveFile(join(folder, `${dtype}.gguf`), writeGguf(checkpoint, { dtype }))
    const back = await open(join(folder, `${dtype}.gguf`))
    const name = 'layers.3.feed_forward.w1.weight'
    expect(back.tensors.get(name)?.dtype).toBe(dtype)
    expect(back.tensors.get('norm.weight')?.dtype).toBe('f32')
    // 172 columns are not a whole number of blocks.
    expect(back.tensors.get('layers.3.feed_forward.w2.weight')?.dtype).toBe('f16')
    expect(await back.read(name)).toEqual(await checkpoint.read(name, { dtype }))
  }
})
