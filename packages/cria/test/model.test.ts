import { initialise } from '@cria/layers'
import { Llama2 } from '@cria/llama2'
import { openDevice } from '@cria/tensor'
import { trainTokenizer } from '@cria/tokenizer'
import { expect, test, vi } from 'vitest'
import { Model } from '../src'

test('a long prompt runs in passes of 512 tokens, or as many as asked for', async () => {
  await using device = await openDevice('simd', { threads: 1 })
  const tokenizer = await trainTokenizer(['a b'], { vocabSize: 262, characterCoverage: 1 })
  const size = { dim: 8, n_layers: 1, n_heads: 2, hidden_dim: 16, vocab_size: tokenizer.vocabSize, max_seq_len: 1200 }
  const network = new Llama2(device, size)
  initialise(network, device)
  await using model = new Model(network, tokenizer, { format: 'llama2.c' }, false)
  const forward = vi.spyOn(network, 'forward')
  const passes = async (options: { prefillChunk?: number }) => {
    forward.mockClear()
    for await (const _ of model.generate('b'.repeat(1100), { maxTokens: 1, seed: 1, ...options }));
    return forward.mock.calls.map(([ids]) => ids.length)
  }
  const [first, second, rest, ...others] = await passes({})
  expect([first, second, others]).toEqual([512, 512, []])
  expect(await passes({ prefillChunk: 1000 })).toEqual([1000, 24 + rest])
})
