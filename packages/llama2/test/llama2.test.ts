import { initialise } from '@cria/layers'
import { Llama, llamaSizes } from '@cria/llama'
import { openDevice } from '@cria/tensor'
import { expect, test } from 'vitest'
import { llama2, llama2Sizes } from '../src'

const shapes = await openDevice('shape')

// LLaMA 2, table 1 and appendix A.2.1, and the parameters of the released checkpoints.
test.each([
  ['llama2-7b', 6_738_415_616, 32, 11008, 512],
  ['llama2-13b', 13_015_864_320, 40, 13824, 800],
  ['llama2-70b', 68_976_648_192, 8, 28672, 320],
] as const)('%s has %d parameters', (name, parameters, kvHeads, hidden, kvKiB) => {
  using model = llama2(shapes, llama2Sizes[name])
  initialise(model, shapes)
  expect(model.parameterCount).toBe(parameters)
  expect(model.config).toMatchObject({ n_kv_heads: kvHeads, hidden_dim: hidden, max_seq_len: 4096, norm_eps: 1e-5 })
  expect(model.kvBytesPerToken(2)).toBe(kvKiB * 1024)
  using cache = model.createCache({ rows: 4096 })
  expect(cache.bytes).toBe(4096 * model.kvBytesPerToken(4))
  using logits = model.forward([1, 2, 3], cache.sequence({ capacity: 4096 }))
  expect(logits.shape).toEqual([1, 32000])
})

test('70B keeps keys and values for 8 heads, an eighth of its queries', () => {
  const { attention } = llama2(shapes, llama2Sizes['llama2-70b']).layers[79]
  expect(attention.wq.weight.shape).toEqual([8192, 8192])
  expect(attention.wk.weight.shape).toEqual([1024, 8192])
  expect(attention.wv.weight.shape).toEqual([1024, 8192])
  expect(attention.wo.weight.shape).toEqual([8192, 8192])
})

test('without n_kv_heads it is LLaMA with a longer context', async () => {
  await using device = await openDevice('cpu')
  const config = { dim: 16, n_layers: 2, n_heads: 4, vocab_size: 20, hidden_dim: 24, norm_eps: 1e-5 }
  using first = new Llama(device, config)
  using second = llama2(device, config)
  for (const model of [first, second]) initialise(model, device, { seed: 3 })
  using a = first.forward([1, 2, 3])
  using b = second.forward([1, 2, 3])
  expect(await b.read()).toEqual(await a.read())
  expect([first.maxSeqLen, second.maxSeqLen]).toEqual([2048, 4096])
  expect(llama2(shapes, { ...config, norm_eps: undefined as never, max_seq_len: undefined as never }).config).toEqual(
    llama2(shapes, { ...config, norm_eps: 1e-5 }).config,
  )
  expect(llama2(shapes, { ...llamaSizes['llama-7b'], max_seq_len: 64 }).config).toMatchObject({
    max_seq_len: 64,
    norm_eps: 1e-6,
  })
})
