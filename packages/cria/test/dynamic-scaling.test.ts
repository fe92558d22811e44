import { initialise } from '@cria/layers'
import { llama2 } from '@cria/llama2'
import { openDevice } from '@cria/tensor'
import { expect, test } from 'vitest'
import { ModelSequences } from '../src/sequences'

// Dynamic NTK turns by angles that depend on the length of the sequence, which a part of a prompt does not tell.

const ORIGINAL = 16

test('however a prompt is cut, dynamic scaling gives the logits of one pass', async () => {
  await using device = await openDevice('cpu')
  const rope_scaling = { type: 'dynamic', factor: 4, original_max_seq_len: ORIGINAL } as const
  const size = { dim: 16, n_layers: 2, n_heads: 2, vocab_size: 32, hidden_dim: 24, rope_scaling }
  using model = llama2(device, size)
  initialise(model, device, { seed: 3, deviation: 0.3 })
  const ids = Array.from({ length: 100 }, (_, i) => (7 * i * i + 3 * i) % 32)
  using whole = model.forward(ids)
  const expected = await whole.read()

  const partsOf = async (size: number, length: number | undefined) => {
    using cache = model.createCache()
    using sequence = cache.sequence({ capacity: 100 })
    let logits = model.forward(ids.slice(0, 1))
    for (let at = 0; at < ids.length; at += size) {
      logits.dispose()
      logits = model.run(model.extend([{ sequence, ids: ids.slice(at, at + size), length }]))
    }
    using last = logits
    return last.read()
  }
  for (const size of [1, 7, 33]) expect(await partsOf(size, 100), `parts of ${size}`).toEqual(expected)
  // The length matters.
  expect(await partsOf(7, undefined)).not.toEqual(expected)

  // Generation cuts prompts, and tells the length.
  const sequence = new ModelSequences(model, undefined).createSequence({ capacity: 100 })
  const [logits] = await sequence.forward(ids)
  expect(logits).toEqual(expected)
  sequence.dispose()
})
