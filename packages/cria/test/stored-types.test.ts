import type { Weights } from '@cria/checkpoint'
import { llamaWeights, memoryLlama, resolveConfig } from '@cria/llama'
import { llama2 } from '@cria/llama2'
import { openDevice } from '@cria/tensor'
import { Random } from '@cria/vitest/random'
import { expect, test } from 'vitest'
import { loadWeights } from '../src'

// A type that a device does not read is widened to one that keeps its range and precision. It is never narrowed.

const config = resolveConfig({ dim: 32, n_layers: 1, n_heads: 4, vocab_size: 48, hidden_dim: 32, max_seq_len: 32 })
const ids = [1, 17, 5, 23, 0, 9]

/** The value that bf16 holds: the upper half of f32. */
const asBf16 = (value: number) =>
  new Float32Array(Uint32Array.of(new Uint32Array(Float32Array.of(value).buffer)[0] & 0xffff0000).buffer)[0]

/** Random weights in the type `stored`. The up projection is `scale` times as large, and the down projection as much smaller. */
const weightsOf = (stored: 'bf16' | 'f64', scale: number): Weights => {
  const random = new Random(1)
  const scaleOf = (path: string) => (path.endsWith('w3.weight') ? scale : path.endsWith('w2.weight') ? 1 / scale : 1)
  const arrays = [...llamaWeights(config)].map(({ path, shape }) => {
    const size = shape.reduce((a, b) => a * b)
    const values = Float32Array.from({ length: size }, () =>
      shape.length > 1 ? asBf16(0.2 * random.gaussian() * scaleOf(path)) : 1,
    )
    return [path, values] as const
  })
  const memory = memoryLlama(config, new Map(arrays))
  const tensors = new Map([...memory.tensors].map(([path, info]) => [path, { ...info, dtype: stored }]))
  return { ...memory, tensors }
}

const logitsOn = async (device: 'cpu' | 'simd', weights: Weights) => {
  await using opened = await openDevice(device)
  using network = llama2(opened, config)
  await loadWeights(network, weights)
  using logits = network.forward(ids)
  const types = new Map([...network.parameters()].map(([path, parameter]) => [path, parameter.tensor.dtype]))
  return { logits: await logits.read(), types }
}

// f16 ends at 65,504, and has no digits left below 6e-8.
test.each([2 ** 20, 2 ** -20])('bf16 weights of %d times the usual size keep their values on simd', async scale => {
  const weights = weightsOf('bf16', scale)
  const { logits: expected } = await logitsOn('cpu', weights)
  const { logits } = await logitsOn('simd', weights)
  const largest = Math.max(...expected.map(Math.abs))
  expect(largest).toBeGreaterThan(0.1)
  expect(Math.max(...logits.map((logit, i) => Math.abs(logit - expected[i])))).toBeLessThan(0.01 * largest)
})

test('f64 becomes f32, the nearest that a device reads', async () => {
  const { types } = await logitsOn('simd', weightsOf('f64', 1))
  expect(new Set(types.values())).toEqual(new Set(['f32']))
})
