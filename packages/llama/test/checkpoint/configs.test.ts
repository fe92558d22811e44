import { readFileSync } from 'node:fs'
import { type GgufVocabulary, memorySource, type OutputFile, outputBytes, writeSafetensors } from '@cria/checkpoint'
import { bytesOf } from '@cria/dtypes'
import type { RopeScaling } from '@cria/layers'
import { expect, test } from 'vitest'
import { llamaWeights, writeGguf, writeHuggingFace, writeLlama2c } from '../../src/checkpoint'
import { type LlamaConfig, resolveConfig } from '../../src/config'
import { expectSameTensors, haveStories, open, openSources, readAll, stories } from './stories'
import { tinyConfig, tinyModel } from './tiny'

const reopen = async (files: readonly OutputFile[]) =>
  openSources(await Promise.all(files.map(async file => memorySource(await outputBytes(file), file.name))))

const scalings: RopeScaling[] = [
  { type: 'linear', factor: 4 },
  {
    type: 'yarn',
    factor: 16,
    original_max_seq_len: 64,
    beta_fast: 32,
    beta_slow: 1,
    attention_factor: 1.2772588722239782,
  },
  { type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_seq_len: 8192 },
]
const configs: Record<string, LlamaConfig> = {
  'as it is': tinyConfig,
  'with a tied output': { ...tinyConfig, tied_output: true },
  'with one key head': { ...tinyConfig, n_kv_heads: 1 },
  'with heads of another size': { ...tinyConfig, head_dim: 16 },
  'with biases in attention': { ...tinyConfig, attention_bias: true },
  'with biases in the feed-forward': { ...tinyConfig, mlp_bias: true },
  'with another theta and epsilon': { ...tinyConfig, rope_theta: 1_000_000, norm_eps: 1e-5 },
  ...Object.fromEntries(
    scalings.map(scaling => [
      `with ${scaling.type} scaling`,
      // Of Llama 3's base one pair is slow, so that the tensor in a GGUF file has the factor itself.
      { ...tinyConfig, rope_scaling: scaling, ...(scaling.type === 'llama3' && { rope_theta: 500_000 }) },
    ]),
  ),
}

test.each(Object.keys(configs))('weights of a model %s survive GGUF and a Hugging Face folder', async name => {
  const model = tinyModel(configs[name])
  const expected = await readAll(model)
  expectSameTensors(await readAll(await reopen([writeGguf(model)])), expected)
  expectSameTensors(await readAll(await reopen(writeHuggingFace(model))), expected)
})

test.each(Object.keys(configs))('a config %s survives GGUF and a Hugging Face folder', async name => {
  const checkpoint = tinyModel(configs[name])
  expect((await reopen(writeHuggingFace(checkpoint))).config).toEqual(configs[name])
  const { rope_scaling, ...rest } = (await reopen([writeGguf(checkpoint)])).config
  const { rope_scaling: expected, ...restExpected } = configs[name]
  expect(rest).toEqual(restExpected)
  // GGUF keeps factors as f32.
  expect(rope_scaling?.type).toBe(expected?.type)
  for (const [field, value] of Object.entries(expected ?? {})) {
    const found = rope_scaling?.[field as keyof RopeScaling]
    if (typeof value === 'number') expect(found, field).toBeCloseTo(value, 5)
  }
})

test('dynamic scaling survives a Hugging Face folder, and stretches its context', async () => {
  const rope_scaling = { type: 'dynamic', factor: 4, original_max_seq_len: 128 } as const
  const config = { ...tinyConfig, max_seq_len: 512, rope_scaling }
  const files = writeHuggingFace(tinyModel(config))
  expect(JSON.parse(new TextDecoder().decode(await outputBytes(files[0]))).max_position_embeddings).toBe(128)
  expect((await reopen(files)).config).toEqual(config)
})

const huggingFace = async (change: Record<string, unknown>): Promise<LlamaConfig> => {
  const [config, ...others] = writeHuggingFace(tinyModel())
  const json = { ...JSON.parse(new TextDecoder().decode(await outputBytes(config))), ...change }
  const changed = memorySource(new TextEncoder().encode(JSON.stringify(json)), 'config.json')
  const rest = await Promise.all(others.map(async file => memorySource(await outputBytes(file), file.name)))
  return (await openSources([changed, ...rest])).config
}

test('a Hugging Face config has the defaults of transformers, and the fields of its version 5', async () => {
  const missing = {
    num_key_value_heads: undefined,
    rope_theta: undefined,
    rms_norm_eps: undefined,
    tie_word_embeddings: undefined,
  }
  await expect(huggingFace(missing)).rejects.toThrow(/k_proj.weight": has shape \[16,32\], expected \[32,32\]/)
  const { rope_theta, norm_eps, tied_output } = await huggingFace({ ...missing, num_key_value_heads: 2 })
  expect({ rope_theta, norm_eps, tied_output }).toEqual({ rope_theta: 10000, norm_eps: 1e-6, tied_output: false })
  const rope_parameters = { rope_type: 'linear', factor: 2, rope_theta: 500_000 }
  const five = await huggingFace({ rope_parameters, rope_theta: undefined, rope_scaling: undefined })
  expect([five.rope_theta, five.rope_scaling]).toEqual([500_000, { type: 'linear', factor: 2 }])
})

test('a config of transformers 5 reads as the model that it says', async () => {
  // What LlamaConfig of transformers 5.24.0 saves.
  const five = {
    ...{ attention_bias: true, attention_dropout: 0, bos_token_id: 1, eos_token_id: 2, head_dim: 16 },
    ...{ hidden_act: 'silu', hidden_size: 32, initializer_range: 0.02, intermediate_size: 64 },
    ...{ max_position_embeddings: 128, mlp_bias: true, model_type: 'llama', num_attention_heads: 4 },
    ...{ num_hidden_layers: 2, num_key_value_heads: 2, pad_token_id: null, pretraining_tp: 1, rms_norm_eps: 1e-5 },
    rope_parameters: {
      ...{ factor: 8, high_freq_factor: 4, low_freq_factor: 1, original_max_position_embeddings: 64 },
      ...{ rope_theta: 500_000, rope_type: 'llama3' },
    },
    ...{ tie_word_embeddings: true, transformers_version: '5.24.0', use_cache: true, vocab_size: 48 },
  }
  const config = resolveConfig({
    ...{ dim: 32, n_layers: 2, n_heads: 4, n_kv_heads: 2, head_dim: 16, vocab_size: 48, hidden_dim: 64 },
    ...{
      norm_eps: 1e-5,
      max_seq_len: 128,
      rope_theta: 500_000,
      attention_bias: true,
      mlp_bias: true,
      tied_output: true,
    },
    rope_scaling: { type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_seq_len: 64 },
  })
  const weights = writeHuggingFace(tinyModel(config)).find(({ name }) => name === 'model.safetensors') as OutputFile
  const opened = await openSources([
    memorySource(new TextEncoder().encode(JSON.stringify(five)), 'config.json'),
    memorySource(await outputBytes(weights), weights.name),
  ])
  expect(opened.config).toEqual(config)
})

test('a tied output may have either name, and a copy of it does not count', async () => {
  const model = tinyModel({ ...tinyConfig, tied_output: true })
  const [config] = writeHuggingFace(model)
  const header = (names: readonly string[]) => {
    const tensors = [...llamaWeights(model.config)].flatMap(({ path, huggingFace, shape }) =>
      (path === 'tok_embeddings.weight' ? names : [huggingFace]).map(name => ({
        ...{ name, dtype: 'f32' as const, shape },
        bytes: async () =>
          bytesOf(new Float32Array(shape.reduce((a, b) => a * b)).fill(name === 'lm_head.weight' ? 2 : 1)),
      })),
    )
    return writeSafetensors('model.safetensors', tensors)
  }
  for (const [names, expected] of [
    [['lm_head.weight'], 2],
    [['model.embed_tokens.weight'], 1],
    [['model.embed_tokens.weight', 'lm_head.weight'], 1],
  ] as const) {
    const { data } = await (await reopen([config, header(names)])).read('tok_embeddings.weight')
    expect(data[0], names.join()).toBe(expected)
  }
})

test('rotary settings come from where transformers has them', async () => {
  const rope_parameters = { rope_type: 'linear', factor: 2 }
  const outside = await huggingFace({ rope_scaling: null, rope_parameters, rope_theta: 500_000 })
  expect([outside.rope_theta, outside.rope_scaling]).toEqual([500_000, { type: 'linear', factor: 2 }])
  const both = await huggingFace({ rope_scaling: { type: 'linear', factor: 3, rope_theta: 7 }, rope_parameters })
  expect([both.rope_theta, both.rope_scaling]).toEqual([7, { type: 'linear', factor: 3 }])
  const yarn = await huggingFace({
    rope_scaling: { type: 'yarn', factor: 2, original_max_position_embeddings: 32 },
    original_max_position_embeddings: 64,
  })
  expect(yarn.rope_scaling).toMatchObject({ type: 'yarn', original_max_seq_len: 64 })
})

test('yarn has the defaults of its paper', async () => {
  const { rope_scaling } = await huggingFace({ rope_scaling: { type: 'yarn', factor: 8 } })
  expect(rope_scaling).toEqual({
    type: 'yarn',
    factor: 8,
    original_max_seq_len: 128,
    beta_fast: 32,
    beta_slow: 1,
    attention_factor: 0.1 * Math.log(8) + 1,
  })
})

test('a format that cannot say what the config does refuses it by field', () => {
  const bin = { ...tinyConfig, norm_eps: 1e-5 }
  expect(() => writeLlama2c(tinyModel(tinyConfig))).toThrow(/norm_eps: is 0.000001, but a llama2.c file means 0.00001/)
  expect(() => writeLlama2c(tinyModel({ ...bin, rope_theta: 5 }))).toThrow(/rope_theta: is 5/)
  expect(() => writeLlama2c(tinyModel({ ...bin, rope_scaling: scalings[0] }))).toThrow(/rope_scaling: is linear/)
  const dynamic = { type: 'dynamic', factor: 2, original_max_seq_len: 128 } as const
  expect(() => writeLlama2c(tinyModel({ ...bin, head_dim: 16 }))).toThrow(/head_dim: is 16/)
  expect(() => writeLlama2c(tinyModel({ ...bin, attention_bias: true }))).toThrow(/attention_bias: is true/)
  expect(() => writeGguf(tinyModel({ ...tinyConfig, rope_scaling: dynamic }))).toThrow(/rope_scaling: is dynamic/)
})

test.each([0, -1, Number.NaN])('a shard of %s bytes is refused', maxShardBytes => {
  expect(() => writeHuggingFace(tinyModel(), { maxShardBytes })).toThrow(/maxShardBytes: is .*, expected a size/)
})

const vocabularyOf = (size: number): GgufVocabulary => ({
  kind: 'gguf',
  model: 'llama',
  tokens: Array.from({ length: size }, (_, id) => `<${id}>`),
  scores: Float32Array.from({ length: size }, (_, id) => -id),
  types: new Int32Array(size).fill(1),
  bosId: 1,
  eosId: 2,
  unkId: 0,
  padId: undefined,
  addSpacePrefix: false,
  spacePrefix: 'first',
  removeExtraWhitespaces: true,
  charsMap: Uint8Array.of(1, 2, 3),
  unkSurface: ' unknown ',
  chatTemplate: '{{ messages }}',
})

test('a vocabulary survives GGUF with all that it says, and unused pieces fill it up', async () => {
  const { vocabulary } = await reopen([writeGguf(tinyModel(), { vocabulary: vocabularyOf(46) })])
  const { tokens, scores, types, ...rest } = vocabularyOf(48)
  expect(vocabulary).toEqual({
    ...rest,
    tokens: [...tokens.slice(0, 46), '[PAD46]', '[PAD47]'],
    scores: scores?.map((score, id) => (id < 46 ? score : 0)),
    types: types?.map((type, id) => (id < 46 ? type : 5)),
  })
})

test('a vocabulary of more pieces than the model is refused', () => {
  const write = () => writeGguf(tinyModel(), { vocabulary: vocabularyOf(49) })
  expect(write).toThrow(/vocabulary: has 49 pieces, but the model has 48/)
})

test('GGUF version 2 reads as version 3 does', async () => {
  const bytes = await outputBytes(writeGguf(tinyModel()))
  bytes[4] = 2
  const opened = await openSources(memorySource(bytes, 'model.gguf'))
  expect([opened.format, opened.config]).toEqual(['GGUF v2', tinyConfig])
})

test.skipIf(!haveStories)('a model that is read is not changed', async () => {
  const path = stories('stories260K.gguf')
  const before = readFileSync(path)
  const checkpoint = await open(path)
  const { data } = await checkpoint.read('norm.weight')
  ;(data as Float32Array).fill(0)
  expect((await checkpoint.read('norm.weight')).data[0]).not.toBe(0)
  expect(Buffer.compare(readFileSync(path), before)).toBe(0)
})
