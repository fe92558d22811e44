import { memorySource, outputBytes, type Source } from '@cria/checkpoint'
import { metaFiles } from '@cria/torch-file'
import { expect, test } from 'vitest'
import { llamaWeights, writeGguf, writeHuggingFace, writeLlama2c } from '../../src/checkpoint'
import { openSources } from './stories'
import { tinyArrays, tinyConfig, tinyModel } from './tiny'

/** A source of a user's own: what it reads begins at an odd place of a larger buffer, as Node's pooled buffers may. */
const pooled = (bytes: Uint8Array, name: string): Source => {
  const source = memorySource(bytes, name)
  return {
    ...source,
    async read(offset, length, options = {}) {
      if (options.into) return source.read(offset, length, options)
      const pool = new Uint8Array(length + 8).fill(0xaa)
      return source.read(offset, length, { ...options, into: pool.subarray(3, 3 + length) })
    },
  }
}

const config = { ...tinyConfig, norm_eps: 1e-5 }
const arrays = tinyArrays(config)

const metaForm = (): Map<string, Uint8Array> => {
  const weights = [...llamaWeights(config)].map(({ path: name, shape, shardAxis }) => ({
    ...{ name, shape, shardAxis },
    data: arrays.get(name) as Float32Array,
  }))
  const { dim, n_layers, n_heads, n_kv_heads, vocab_size, norm_eps } = config
  const sizes = { dim, n_layers, n_heads, n_kv_heads, vocab_size, norm_eps, multiple_of: 64, ffn_dim_multiplier: 0.5 }
  return metaFiles(sizes, weights, 2)
}

const forms: Record<string, () => Promise<Map<string, Uint8Array>>> = {
  GGUF: async () => new Map([['model.gguf', await outputBytes(writeGguf(tinyModel(config)))]]),
  'llama2.c': async () => new Map([['model.bin', await outputBytes(writeLlama2c(tinyModel(config)))]]),
  'Hugging Face': async () => {
    const files = writeHuggingFace(tinyModel(config), { maxShardBytes: 20_000 })
    return new Map(await Promise.all(files.map(async file => [file.name, await outputBytes(file)] as const)))
  },
  Meta: async () => metaForm(),
}

test.each(Object.keys(forms))('%s opens from a source whose reads are parts of larger buffers', async form => {
  const model = await openSources([...(await forms[form]())].map(([name, bytes]) => pooled(bytes, name)))
  expect([...model.tensors.keys()].sort()).toEqual([...arrays.keys()].sort())
  for (const [name, array] of arrays) expect((await model.read(name, { dtype: 'f32' })).data, name).toEqual(array)
})
