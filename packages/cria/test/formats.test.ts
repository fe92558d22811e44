import { readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPath, saveFiles } from '@cria/checkpoint/node'
import { type LlamaWeights, llamaWeights, openLlama, writeGguf, writeHuggingFace, writeLlama2c } from '@cria/llama'
import { loadTokenizer, writeGgufVocabulary } from '@cria/tokenizer'
import { metaFiles } from '@cria/torch-file'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadModel } from '../src'
import { generateGreedily } from './greedy'
import { greedyCases, hasStories, stories } from './stories'

// Every file format of the model gives the greedy texts of llama2.c, token for token.

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-formats-'))
})
afterAll(() => rm(folder, { recursive: true }))

const original = async <T>(use: (model: LlamaWeights) => Promise<T>): Promise<T> => {
  const checkpoint = await openPath(stories('stories260K.bin'))
  try {
    return await use(await openLlama(checkpoint))
  } finally {
    await checkpoint.close()
  }
}

const vocabulary = () => writeGgufVocabulary(loadTokenizer(readFileSync(stories('tok512.bin'))))

/** The model in Meta's form, with its tokenizer beside it. */
const writeMeta = (path: string, shards: number) =>
  original(async model => {
    const { dim, n_layers, n_heads, n_kv_heads, norm_eps, max_seq_len } = model.config
    const weights = []
    for (const { path: name, shape, shardAxis } of llamaWeights(model.config)) {
      const { data } = await model.read(name)
      weights.push({ name, shape, shardAxis, data: data as Float32Array })
    }
    const params = { dim, n_layers, n_heads, n_kv_heads, norm_eps, max_seq_len, vocab_size: -1, multiple_of: 4 }
    await mkdir(path)
    for (const [name, bytes] of metaFiles(params, weights, shards)) await writeFile(join(path, name), bytes)
    await cp(stories('tok512.model'), join(path, 'tokenizer.model'))
  })

/** Makes each file format, and returns the path to load. */
const forms: Record<string, (path: string) => Promise<unknown>> = {
  'stories260K.bin': path => cp(stories('stories260K.bin'), join(path, 'model.bin'), { recursive: true }),
  'stories260K.gguf': path => cp(stories('stories260K.gguf'), join(path, 'model.gguf'), { recursive: true }),
  'clebert_checkpoint_v1.bin': path =>
    cp(stories('clebert_checkpoint_v1.bin'), join(path, 'model.bin'), { recursive: true }),
  'a Hugging Face folder of ours': path => original(from => saveFiles(path, writeHuggingFace(from))),
  'sharded safetensors of ours': path =>
    original(from => saveFiles(path, writeHuggingFace(from, { maxShardBytes: 300_000 }))),
  'a GGUF file of ours': path => original(from => saveFiles(path, [writeGguf(from, { vocabulary: vocabulary() })])),
  'a llama2.c file of ours': path => original(from => saveFiles(path, [writeLlama2c(from)])),
  'consolidated.00.pth': path => writeMeta(path, 1),
  'consolidated.00.pth and .01.pth': path => writeMeta(path, 2),
}

/** llama2.c's files have no tokenizer with them. */
const withoutTokenizer = ['stories260K.bin', 'clebert_checkpoint_v1.bin', 'a llama2.c file of ours']

describe.skipIf(!hasStories)('the greedy texts of stories260K come from', () => {
  test.each(Object.keys(forms))('%s', { timeout: 300_000 }, async name => {
    const path = join(folder, name)
    await forms[name](path)
    const tokenizer = withoutTokenizer.includes(name) ? stories('tok512.model') : undefined
    await using model = await loadModel(path, { device: 'simd', tokenizer })
    expect(greedyCases.length).toBeGreaterThan(3)
    for (const golden of greedyCases) expect((await generateGreedily(model, golden)).text).toBe(golden.text)
  })
})
