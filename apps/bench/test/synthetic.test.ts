import {
  type ModelConfig,
  memorySource,
  openCheckpoint,
  outputBytes,
  readTensors,
  weightDTypes,
  writeGguf,
  writeHuggingFace,
} from '@cria/checkpoint'
import { describe, expect, test } from 'vitest'
import { syntheticVocabulary } from '../src/synthetic/vocabulary'
import { syntheticCheckpoint } from '../src/synthetic/weights'

const config: ModelConfig = {
  dim: 64,
  n_layers: 2,
  n_heads: 4,
  n_kv_heads: 2,
  hidden_dim: 96,
  vocab_size: 300,
  norm_eps: 1e-5,
  max_seq_len: 128,
  rope_theta: 10_000,
  tied_output: false,
}

const model = syntheticCheckpoint('synthetic', config)

describe.each(weightDTypes)('a synthetic GGUF of %s', dtype => {
  const file = writeGguf(model, { dtype, vocabulary: syntheticVocabulary(config.vocab_size) })

  test('opens, and its numbers are finite, of both signs, and of one size', async () => {
    const bytes = await outputBytes(file)
    const checkpoint = await openCheckpoint(memorySource(bytes, 'model.gguf'))
    expect(checkpoint.config).toMatchObject(config)
    expect(checkpoint.vocabulary).toMatchObject({ kind: 'gguf', bosId: 1, eosId: 2 })
    for await (const [name, { data }] of readTensors(checkpoint, { dtype: () => 'f32' })) {
      const values = Float32Array.from(data)
      if (name.endsWith('norm.weight')) expect(new Set(values)).toEqual(new Set([1]))
      else {
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length
        const deviation = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length)
        expect(Math.abs(mean), name).toBeLessThan(deviation / 5)
        expect(deviation, name).toBeGreaterThan(0.02)
        expect(deviation, name).toBeLessThan(0.4)
      }
    }
  })

  test('is the same each time', async () => {
    expect(Buffer.from(await outputBytes(file)).equals(Buffer.from(await outputBytes(file)))).toBe(true)
  })
})

test('a synthetic Hugging Face folder opens', async () => {
  const files = await writeHuggingFace(model, { dtype: 'f16' })
  const sources = await Promise.all(files.map(async file => memorySource(await outputBytes(file), file.name)))
  const checkpoint = await openCheckpoint(sources)
  expect(checkpoint.config).toMatchObject(config)
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
