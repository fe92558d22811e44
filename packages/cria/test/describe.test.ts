import { initialise } from '@cria/layers'
import { llama2 } from '@cria/llama2'
import { listDevices, openDevice, type WebGpuDevice } from '@cria/tensor'
import { describe, expect, test, vi } from 'vitest'
import { describeConfig, planDecode, publishedSizes } from '../src'

const config = { dim: 16, n_layers: 2, n_heads: 2, n_kv_heads: 1, vocab_size: 32, hidden_dim: 24, max_seq_len: 64 }

test.each([
  ['llama-7b', 6_738_415_616],
  ['llama-13b', 13_015_864_320],
  ['llama-33b', 32_528_943_616],
  ['llama-65b', 65_285_660_672],
  ['llama2-7b', 6_738_415_616],
  ['llama2-13b', 13_015_864_320],
  ['llama2-70b', 68_976_648_192],
])('%s has %d parameters', async (name, expected) => {
  const { parameters } = await describeConfig(publishedSizes[name])
  expect(parameters).toBe(expected)
})

test('every published size has a name', () => {
  expect(Object.keys(publishedSizes)).toHaveLength(7)
})

test('LLaMA has its own context, and its operations are counted at half of it', async () => {
  const size = publishedSizes['llama-7b']
  expect(await describeConfig(size)).toEqual(await describeConfig({ ...size, max_seq_len: 2048 }))
})

test('a description has the cache, the work and the tensors of a model', async () => {
  const { kvBytesPerToken, flopsPerToken, tensors, parameters } = await describeConfig(publishedSizes['llama2-70b'])
  expect(kvBytesPerToken).toEqual({ f16: 320 * 1024, f32: 640 * 1024 })
  expect(flopsPerToken / (2 * parameters)).toBeGreaterThan(1)
  expect(flopsPerToken / (2 * parameters)).toBeLessThan(1.1)
  expect(tensors).toHaveLength(3 + 80 * 9)
  expect(tensors[2]).toEqual({ name: 'layers.0.attention.wk.weight', shape: [1024, 8192] })
})

describe('a decoding step', async () => {
  const webgpu = (await listDevices()).find(({ name }) => name === 'webgpu')

  test('is planned from shapes: what is dispatched, in order', async () => {
    const { dispatches, cost } = await planDecode({ ...config, n_layers: 1 })
    expect(dispatches.map(({ kernel }) => kernel).join(' ')).toBe(
      [
        'embedding',
        'inverseRms rmsNorm linear rope linear rope linear writeRows writeRows',
        'attentionScores attentionMaximum attentionTotal attentionWeights attention linear add',
        'inverseRms rmsNorm linear linear siluMul linear add',
        'inverseRms rmsNorm linear',
      ].join(' '),
    )
    expect(cost.flops).toBeGreaterThan(2 * (16 * (16 + 8 + 8 + 16) + 3 * 16 * 24 + 16 * 32))
  })

  test('is planned on a device with the memory of one layer, and its cache', async () => {
    await using device = await openDevice('cpu')
    const zeros = vi.spyOn(device, 'zeros')
    const allocated = async (n_layers: number) => {
      zeros.mockClear()
      await planDecode({ ...config, n_layers }, device)
      expect(device.memory).toEqual({ allocations: 0, bytes: 0 })
      return zeros.mock.calls.length
    }
    expect((await allocated(5)) - (await allocated(2))).toBe(2 * 3)
  })

  test('grows with the position in attention and in the cache alone', async () => {
    const long = { ...config, max_seq_len: 512 }
    // Except for the cache, which has to grow first.
    const planAt = async (position: number) =>
      (await planDecode(long, undefined, position)).dispatches.filter(({ op }) => op !== 'copyRows')
    const [first, later] = await Promise.all([planAt(0), planAt(400)])
    expect(later).toHaveLength(first.length)
    const grown = later.filter(({ output }, i) => String(output) !== String(first[i].output))
    expect(new Set(grown.map(({ op }) => op))).toEqual(new Set(['writeRows', 'attention']))
  })

  test('past the context has no plan', async () => {
    await expect(planDecode(config, undefined, 64)).rejects.toThrow('1 tokens at position 64 do not fit')
  })

  test.each(['f16', 'q8_0', 'q4_0', 'q4_k'] as const)(
    'of TinyLlama in %s has at most 180 dispatches on webgpu',
    async weights => {
      const tinyLlama = {
        dim: 2048,
        n_layers: 22,
        n_heads: 32,
        n_kv_heads: 4,
        vocab_size: 32000,
        hidden_dim: 5632,
        max_seq_len: 2048,
      }
      await using planned = await openDevice('shape', { plan: { device: 'webgpu' } })
      const { dispatches } = await planDecode(tinyLlama, planned, 0, weights)
      expect(dispatches.length).toBeGreaterThan(22 * 5)
      expect(dispatches.length).toBeLessThanOrEqual(180)
    },
  )

  test.skipIf(!webgpu?.available)('is one submit on webgpu', { timeout: 300_000 }, async () => {
    await using device = (await openDevice('webgpu')) as WebGpuDevice
    using network = llama2(device, config)
    initialise(network, device)
    using cache = network.createCache()
    const sequence = cache.sequence({ capacity: 64 })
    const step = async (ids: readonly number[]) => {
      const { submits } = device
      using logits = network.forward(ids, sequence)
      expect(device.submits).toBe(submits)
      await logits.read()
      return device.submits - submits
    }
    expect(await step([1, 2, 3])).toBe(1)
    for (let id = 4; id < 9; id++) expect(await step([id])).toBe(1)
    const { dispatches } = await planDecode(config, device)
    expect(dispatches.length).toBeLessThanOrEqual(2 * 8 + 4)
  })
})
