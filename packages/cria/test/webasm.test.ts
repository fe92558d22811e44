import { initialise } from '@cria/layers'
import { llama2 } from '@cria/llama2'
import { generate } from '@cria/sampling'
import { openDevice } from '@cria/tensor'
import { expect, test } from 'vitest'
import { ModelSequences } from '../src/sequences'

test('webasm compiles kernels for a few sizes, not for each length', { timeout: 300_000 }, async () => {
  let modules = 0
  const { Module } = WebAssembly
  WebAssembly.Module = new Proxy(Module, {
    construct(target, args) {
      modules++
      return new target(...(args as [BufferSource]))
    },
  })
  try {
    await using device = await openDevice('webasm')
    const size = { dim: 16, n_layers: 1, n_heads: 2, n_kv_heads: 1, vocab_size: 32, hidden_dim: 24 }
    using model = llama2(device, size)
    initialise(model, device)
    const sequences = new ModelSequences(model, undefined)
    const countOf = async (maxTokens: number) => {
      const before = modules
      for await (const _ of generate(sequences, [1], { temperature: 0, maxTokens }));
      return modules - before
    }
    // In 100 tokens the cache and the scores double once: the kernels that read them are compiled once more.
    const first = await countOf(100)
    expect(first).toBeGreaterThan(10)
    expect(first).toBeLessThan(40)
    expect(await countOf(100)).toBe(0)
  } finally {
    WebAssembly.Module = Module
  }
})
