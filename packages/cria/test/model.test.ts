import { initialise } from '@cria/layers'
import { llama2 } from '@cria/llama2'
import { type Device, type DeviceName, openDevice } from '@cria/tensor'
import { trainTokenizer } from '@cria/tokenizer'
import { describe, expect, test, vi } from 'vitest'
import { Model } from '../src'

const tokenizer = await trainTokenizer(['a b'], { vocabSize: 262, characterCoverage: 1 })

const modelOn = (device: Device, size: { dim?: number; n_layers?: number; max_seq_len?: number } = {}) => {
  const config = { dim: 16, n_layers: 2, n_heads: 2, hidden_dim: 32, vocab_size: tokenizer.vocabSize, ...size }
  const network = llama2(device, { max_seq_len: 1200, ...config })
  initialise(network, device, { seed: 1, deviation: 0.3 })
  return new Model({
    ...{ network, tokenizer, config, format: 'none', cacheType: undefined, ownsDevice: false },
    defaults: { stopIds: [] },
    chatTemplates: new Map(),
  })
}

const textOf = async (generation: AsyncIterable<string>) => {
  let text = ''
  for await (const piece of generation) text += piece
  return text
}

for (const name of ['cpu', 'simd'] as const satisfies readonly DeviceName[])
  describe(`on ${name}`, () => {
    test('texts generated in parallel are those that each prompt gets alone', { timeout: 300_000 }, async () => {
      await using device = await openDevice(name)
      await using model = modelOn(device)
      const prompts = ['a', 'ab ab', 'b'.repeat(150), 'b a b']
      const options = { maxTokens: 12, seed: 7 }
      const passes = vi.spyOn(model.network, 'steps')
      const batch = model.generateBatch(prompts, options)
      const together = (await batch.all).map(pieces => pieces.join(''))
      // Twelve steps of four sequences, and parts of prompts in the same passes: far fewer passes than tokens.
      expect(passes.mock.calls.length).toBeLessThan(4 * 12 - 10)
      const [widest] = passes.mock.calls.map(([{ outputs }]) => outputs.length).sort((a, b) => b - a)
      expect(widest).toBe(4)
      for (const [i, prompt] of prompts.entries()) {
        const alone = await textOf(model.generate(prompt, { ...options, seed: batch.answers[i].seed }))
        expect(together[i]).toBe(alone)
      }
      expect(device.memory.allocations).toBeGreaterThan(0)
    })

    test('several answers compute the prompt once', async () => {
      await using device = await openDevice(name)
      await using model = modelOn(device)
      const passes = vi.spyOn(model.network, 'steps')
      const batch = model.generateBatch(['ab'.repeat(50)], { n: 8, maxTokens: 3, seed: 1 })
      await batch.all
      const tokens = passes.mock.calls.reduce((sum, [{ positions }]) => sum + positions.length, 0)
      const prompt = model.tokenizer.encode('ab'.repeat(50), { bos: true }).length
      expect(tokens).toBe(prompt + 8 * 2)
    })
  })

test('a session computes only the new part of the next prompt', async () => {
  await using device = await openDevice('cpu')
  await using model = modelOn(device)
  using session = model.createSession()
  const first = model.generate('ab ab', { session, maxTokens: 4, temperature: 0 })
  const answer = await textOf(first)
  const ids = [...session.ids]
  const second = model.generate([...ids, 5, 6, 7], { session, maxTokens: 2, temperature: 0 })
  await textOf(second)
  expect(second.stats.cachedTokens).toBe(ids.length)
  expect(answer).toBe(await textOf(model.generate('ab ab', { maxTokens: 4, temperature: 0 })))
})

test('an abort takes effect during a long prompt, and timers run while it is computed', {
  timeout: 300_000,
}, async () => {
  await using device = await openDevice('simd', { threads: 1 })
  await using model = modelOn(device, { dim: 512, n_layers: 12, max_seq_len: 3000 })
  const controller = new AbortController()
  const passes = vi.spyOn(model.network, 'steps')
  setTimeout(() => controller.abort(new Error('enough')), 50)
  const generation = model.generate('b'.repeat(2500), { signal: controller.signal, maxTokens: 1 })
  await expect(textOf(generation)).rejects.toThrow('enough')
  expect(generation.finishReason).toBe('abort')
  expect(passes.mock.calls.reduce((sum, [{ positions }]) => sum + positions.length, 0)).toBeLessThan(2500)
  // The model still works, and computes what it would have computed.
  const again = await textOf(model.generate('ab', { maxTokens: 3, temperature: 0 }))
  await using other = modelOn(device, { dim: 512, n_layers: 12, max_seq_len: 3000 })
  expect(again).toBe(await textOf(other.generate('ab', { maxTokens: 3, temperature: 0 })))
})

test('tensors that are made while a pass is paused do not belong to it', { timeout: 300_000 }, async () => {
  await using device = await openDevice('simd', { threads: 1 })
  await using model = modelOn(device, { dim: 512, n_layers: 12 })
  const made: { disposed: boolean }[] = []
  const timer = setInterval(() => made.push(device.tensor([1], [1])), 1)
  try {
    await textOf(model.generate('b'.repeat(600), { maxTokens: 1 }))
  } finally {
    clearInterval(timer)
  }
  expect(made.length).toBeGreaterThan(0)
  expect(made.some(({ disposed }) => disposed)).toBe(false)
})

test('a profile adds up time by op', async () => {
  await using device = await openDevice('simd')
  await using model = modelOn(device)
  using profile = model.profile()
  await textOf(model.generate('ab', { maxTokens: 5, temperature: 0 }))
  const calls = (name: string) => profile.rows.find(({ op }) => op === name)
  // Five passes through two layers.
  expect(calls('projectHeads')).toMatchObject({ implementation: 'simd', calls: 5 * 2 })
  expect(calls('linearAdd')?.calls).toBe(5 * 2 * 2)
  expect(calls('normLinear')?.calls).toBe(5)
  expect(profile.rows.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1)
})

test('a closed device says so', async () => {
  const device = await openDevice('simd')
  const model = modelOn(device)
  await device.close()
  await expect(textOf(model.generate('a', { maxTokens: 1 }))).rejects.toThrow('device "simd" is closed')
  await model.dispose()
})
