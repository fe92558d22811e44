import { memorySource, openCheckpoint, outputBytes, readWeights } from '@cria/checkpoint'
import { type DType, dtypes, rowLength } from '@cria/dtypes'
import { type LlamaConfig, openLlama, resolveConfig, writeHuggingFace } from '@cria/llama'
import { describe, expect, test } from 'vitest'
import { syntheticGguf } from '../src/synthetic/file'
import { type SyntheticType, storedType, syntheticTypes } from '../src/synthetic/types'
import { syntheticVocabulary } from '../src/synthetic/vocabulary'
import { syntheticLlama } from '../src/synthetic/weights'

/** Rows of `dim` hold two blocks of 256, those of `hidden_dim` are whole blocks of 32 alone. */
const config: LlamaConfig = {
  dim: 512,
  n_layers: 1,
  n_heads: 8,
  n_kv_heads: 4,
  hidden_dim: 96,
  vocab_size: 300,
  norm_eps: 1e-5,
  max_seq_len: 128,
  tied_output: false,
}

const model = syntheticLlama('synthetic', config)

const open = async (type: SyntheticType) => {
  const bytes = await outputBytes(syntheticGguf(model, type))
  return { bytes, checkpoint: await openCheckpoint(memorySource(bytes, 'model.gguf')) }
}

describe.each(syntheticTypes)('a synthetic GGUF of %s', type => {
  test('opens, and its numbers are finite, of both signs, and of one magnitude', async () => {
    const { checkpoint } = await open(type)
    const llama = await openLlama(checkpoint)
    expect(llama.config).toEqual(resolveConfig(config))
    expect(checkpoint.vocabulary).toMatchObject({ kind: 'gguf', bosId: 1, eosId: 2 })
    for await (const [path, { data }] of readWeights(llama, { dtype: () => 'f32' })) {
      const values = Float32Array.from(data as Float32Array)
      if (path.endsWith('norm.weight')) expect(new Set(values)).toEqual(new Set([1]))
      else {
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length
        const deviation = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length)
        // Floats lie between 2^e and 2^(e+1), where rows of n have deviation 1 / √n: 2^e is at least a quarter of it.
        const expected = 1.5 * 2 ** (Math.floor(-Math.log2(rowLength(llama.tensors.get(path)?.shape ?? [])) / 2) - 1)
        expect(Math.abs(mean), path).toBeLessThan(deviation / 5)
        expect(deviation / expected, path).toBeGreaterThan(0.85)
        expect(deviation / expected, path).toBeLessThan(1.15)
      }
    }
  })

  test('is the same each time', async () => {
    const [{ bytes: first }, { bytes: second }] = [await open(type), await open(type)]
    expect(Buffer.from(first).equals(Buffer.from(second))).toBe(true)
  })
})

describe('the types of weights in a file', () => {
  const typesOf = (wanted: SyntheticType, sizes: Partial<LlamaConfig>): Record<string, DType> => {
    const { tensors, config: resolved } = syntheticLlama('x', { ...config, ...sizes })
    return Object.fromEntries(
      [...tensors].map(([path, { shape }]) => [path, storedType({ path, shape }, wanted, resolved)]),
    )
  }

  test('are those asked for, f32 for vectors, and shorter blocks for shorter rows', () => {
    const types = typesOf('q4_k', {})
    expect(types['layers.0.attention.wq.weight']).toBe('q4_k')
    expect(types['layers.0.feed_forward.w2.weight']).toBe('q5_0') // llama.cpp's choice for rows of 96
    expect(types['norm.weight']).toBe('f32')
    expect(typesOf('q8_0', { hidden_dim: 90 })['layers.0.feed_forward.w2.weight']).toBe('f16')
  })

  test('of Q4_K_M are those of llama.cpp: more bits for the output, and for half of the values and down projections', () => {
    const types = typesOf('q4_k_m', { n_layers: 16, hidden_dim: 1024 })
    expect(types['output.weight']).toBe('q6_k')
    expect(types['tok_embeddings.weight']).toBe('q4_k')
    const layers = Array.from({ length: 16 }, (_, layer) => layer)
    const more = layers.filter(layer => types[`layers.${layer}.attention.wv.weight`] === 'q6_k')
    expect(more).toEqual([0, 1, 4, 7, 10, 13, 14, 15])
    expect(layers.filter(layer => types[`layers.${layer}.feed_forward.w2.weight`] === 'q6_k')).toEqual(more)
    expect(typesOf('q4_k_m', { tied_output: true })['tok_embeddings.weight']).toBe('q6_k')
  })

  test('have whole blocks in every row', () => {
    for (const type of syntheticTypes)
      for (const [path, { shape }] of model.tensors)
        expect(rowLength(shape) % dtypes[storedType({ path, shape }, type, model.config)].blockElements, path).toBe(0)
  })
})

test('a synthetic Hugging Face folder opens', async () => {
  const files = writeHuggingFace(model, { dtype: 'f16' })
  const sources = await Promise.all(files.map(async file => memorySource(await outputBytes(file), file.name)))
  const { config: read } = await openLlama(await openCheckpoint(sources))
  expect(read).toEqual(resolveConfig(config))
})

test('quants of q8_0 stay within 127, as its definition has them', async () => {
  const { data } = await model.read('output.weight', { dtype: 'q8_0' })
  const quants = new Int8Array(data.buffer).filter((_, i) => i % 34 > 1)
  expect(quants.includes(-128)).toBe(false)
  expect(new Set(quants).size).toBe(255)
})

test('a synthetic vocabulary has a piece for each byte, and no piece twice', () => {
  const { tokens, types } = syntheticVocabulary(1000)
  expect(tokens).toHaveLength(1000)
  expect(new Set(tokens).size).toBe(1000)
  expect(tokens.slice(0, 4)).toEqual(['<unk>', '<s>', '</s>', '<0x00>'])
  expect(tokens[258]).toBe('<0xFF>')
  expect(types?.filter(type => type === 6)).toHaveLength(256)
})
