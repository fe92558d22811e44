import { initialise } from '@cria/layers'
import { llama2 } from '@cria/llama2'
import { openDevice } from '@cria/tensor'
import { afterEach, expect, test, vi } from 'vitest'
import { ModelSequences } from '../src/sequences'

// A pass on the calling thread pauses between its layers. Here each look at the clock takes 20 ms, so it pauses after each.

const LAYERS = 6

afterEach(() => void vi.restoreAllMocks())

test.each(['simd', 'cpu', 'webasm'] as const)(
  'on %s, an abort during a prompt takes effect after one layer',
  async name => {
    await using device = await openDevice(name)
    using model = llama2(device, { dim: 16, n_layers: LAYERS, n_heads: 2, vocab_size: 32, hidden_dim: 24 })
    initialise(model, device)
    let calls = 0
    using _counting = device.observe({ call: () => void calls++ })
    model.forward([1, 2]).dispose()
    const callsOfPass = calls
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 20))

    const sequences = new ModelSequences(model, undefined)
    const sequence = sequences.createSequence({ capacity: 64 })
    const controller = new AbortController()
    const pass = sequence.forward(new Array<number>(50).fill(1), { signal: controller.signal })
    calls = 0
    setImmediate(() => controller.abort(new Error('enough')))
    await expect(pass).rejects.toThrow('enough')
    // Whatever was still to run has run or been dropped by now.
    for (let turn = 0; turn < 2 * LAYERS; turn++) await new Promise(resolve => setImmediate(resolve))
    // One layer, and the embedding before it.
    expect(calls).toBeGreaterThan(0)
    expect(calls).toBeLessThan((2 * callsOfPass) / LAYERS)
    expect(sequence.length).toBe(0)
    sequence.dispose()
  },
)
