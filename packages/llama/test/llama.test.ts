import { ContextOverflowError, KvCache, multiQueryAttention } from '@cria/attention-variants'
import { ConfigError, initialise, ParameterError, TokenIdsError } from '@cria/layers'
import { openDevice } from '@cria/tensor'
import { describe, expect, test } from 'vitest'
import { Llama, type LlamaConfig, llamaSizes, resolveConfig } from '../src'
import { gqaLlama } from './gqa'

const config: LlamaConfig = { dim: 16, n_layers: 2, n_heads: 4, vocab_size: 10, hidden_dim: 24, max_seq_len: 8 }

describe('the published sizes, from shapes alone', async () => {
  const device = await openDevice('shape')

  // LLaMA, table 2, and the parameters of the released checkpoints.
  test.each([
    ['llama-7b', 6_738_415_616, 11008, 512 * 2 ** 10],
    ['llama-13b', 13_015_864_320, 13824, 800 * 2 ** 10],
    ['llama-33b', 32_528_943_616, 17920, 1560 * 2 ** 10],
    ['llama-65b', 65_285_660_672, 22016, 2.5 * 2 ** 20],
  ] as const)('%s has %d parameters, known from shapes alone', (name, parameters, hidden, kvBytes) => {
    using model = new Llama(device, llamaSizes[name])
    initialise(model, device)
    expect(model.parameterCount).toBe(parameters)
    expect(model.config.hidden_dim).toBe(hidden)
    expect(model.kvBytesPerToken(2)).toBe(kvBytes)
    using logits = model.forward([1, 2, 3])
    expect(logits.shape).toEqual([1, 32000])
  })

  // The params.json files that Meta released, and rms_norm_eps of the models on Hugging Face (huggyllama/llama-65b has 1e-5).
  test.each([
    ['llama-7b', { dim: 4096, n_layers: 32, n_heads: 32, n_kv_heads: 32, norm_eps: 1e-6 }],
    ['llama-13b', { dim: 5120, n_layers: 40, n_heads: 40, n_kv_heads: 40, norm_eps: 1e-6 }],
    ['llama-33b', { dim: 6656, n_layers: 60, n_heads: 52, n_kv_heads: 52, norm_eps: 1e-6 }],
    ['llama-65b', { dim: 8192, n_layers: 80, n_heads: 64, n_kv_heads: 64, norm_eps: 1e-5 }],
  ] as const)('the settings of %s are those of its checkpoint', (name, published) => {
    const everyModel = { head_dim: 128, vocab_size: 32000, max_seq_len: 2048, rope_theta: 10000, tied_output: false }
    expect(resolveConfig(llamaSizes[name])).toMatchObject({ ...everyModel, ...published })
  })

  test('decoding costs two operations a parameter, embeddings apart, and attention', () => {
    using model = new Llama(device, llamaSizes['llama-7b'])
    initialise(model, device)
    const { cost } = device.record(() => model.forward([1]).dispose())
    const weights = model.parameterCount - 32000 * 4096
    expect(cost.flops / (2 * weights)).toBeGreaterThan(1)
    expect(cost.flops / (2 * weights)).toBeLessThan(1.001)
  })
})

test('parameters have the names of Meta’s checkpoints', async () => {
  await using device = await openDevice('shape')
  const model = new Llama(device, { ...config, n_layers: 1 })
  expect([...model.parameters()].map(([path, { shape }]) => [path, shape])).toEqual([
    ['tok_embeddings.weight', [10, 16]],
    ['layers.0.attention.wq.weight', [16, 16]],
    ['layers.0.attention.wk.weight', [16, 16]],
    ['layers.0.attention.wv.weight', [16, 16]],
    ['layers.0.attention.wo.weight', [16, 16]],
    ['layers.0.feed_forward.w1.weight', [24, 16]],
    ['layers.0.feed_forward.w2.weight', [16, 24]],
    ['layers.0.feed_forward.w3.weight', [24, 16]],
    ['layers.0.attention_norm.weight', [16]],
    ['layers.0.ffn_norm.weight', [16]],
    ['norm.weight', [16]],
    ['output.weight', [10, 16]],
  ])
})

test('a tied output is the embedding, and not a separate parameter', async () => {
  await using device = await openDevice('shape')
  const free = new Llama(device, config)
  const tied = new Llama(device, { ...config, tied_output: true })
  expect(free.parameterCount - tied.parameterCount).toBe(10 * 16)
})

test('what a config leaves out is as in LLaMA', () => {
  expect(resolveConfig({ dim: 64, n_layers: 1, n_heads: 4, vocab_size: 9 })).toEqual({
    dim: 64,
    n_layers: 1,
    n_heads: 4,
    n_kv_heads: 4,
    head_dim: 16,
    vocab_size: 9,
    hidden_dim: 256,
    norm_eps: 1e-6,
    max_seq_len: 2048,
    rope_theta: 10000,
    rope_scaling: undefined,
    attention_bias: false,
    mlp_bias: false,
    tied_output: false,
  })
})

describe('bad input', async () => {
  const device = await openDevice('cpu')

  test.each<[Partial<LlamaConfig>, string]>([
    [{ n_layers: 0 }, 'n_layers is 0, expected a whole number from 1 to 1000'],
    [{ vocab_size: 1.5 }, 'vocab_size is 1.5'],
    [{ n_heads: 3 }, 'n_heads is 3, which does not divide dim 16'],
    [{ n_heads: 16 }, 'n_heads gives heads of 1; rotary pairs need an even size'],
    [{ n_kv_heads: 3 }, 'n_kv_heads is 3, which does not divide n_heads 4'],
  ])('%o is refused', (wrong, message) => {
    expect(() => gqaLlama(device, { ...config, ...wrong })).toThrow(ConfigError)
    expect(() => gqaLlama(device, { ...config, ...wrong })).toThrow(message)
  })

  test('kv heads that the attention does not have are refused', () => {
    const message = 'n_kv_heads is 2, and the attention of this model has 4 kv heads'
    expect(() => new Llama(device, { ...config, n_kv_heads: 2 })).toThrow(message)
    expect(() => new Llama(device, config, { attention: multiQueryAttention })).toThrow(ConfigError)
  })

  test('a cache of another model, or on another device, is refused', async () => {
    using model = new Llama(device, config)
    initialise(model, device)
    using short = new KvCache(device, { layers: 1, kvHeads: 4, headDim: 4 })
    expect(() => model.forward([1], short.sequence({ capacity: 8 }))).toThrow(
      new ConfigError('a cache of 1 layers does not fit a model of 2'),
    )
    await using other = await openDevice('cpu')
    using far = new KvCache(other, model.cacheShape)
    expect(() => model.forward([1], far.sequence({ capacity: 8 }))).toThrow('the cache is on device "cpu"')
  })

  test('a model without weights says so', () => {
    expect(() => new Llama(device, config).forward([1])).toThrow(ParameterError)
  })

  test('tokens and lengths that do not fit are refused, and the sequence stays as it was', () => {
    using model = new Llama(device, config)
    initialise(model, device)
    using cache = model.createCache()
    const sequence = cache.sequence({ capacity: model.maxSeqLen })
    model.forward([1, 2, 3], sequence).dispose()
    expect(() => model.forward([10], sequence)).toThrow(TokenIdsError)
    expect(() => model.forward([1, 2, 3, 4, 5, 6], sequence)).toThrow(ContextOverflowError)
    expect(() => model.forward([1, 2, 3, 4, 5, 6], sequence)).toThrow(
      '6 tokens at position 3 do not fit in a context of 8',
    )
    expect(sequence.length).toBe(3)
    model.forward([1, 2, 3, 4, 5], sequence).dispose()
    expect(sequence.length).toBe(8)
  })
})
