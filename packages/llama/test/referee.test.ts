import { readFileSync } from 'node:fs'
import { openDevice } from '@cria/tensor'
import { refereeNumbers } from '@cria/vitest/random'
import { describe, expect, test } from 'vitest'
import type { LlamaConfig } from '../src'
import { gqaLlama } from './gqa'

// Logits of tiny models by transformers' LlamaForCausalLM: see tooling/referee/models.

interface Fixture {
  readonly ids: readonly (readonly number[])[]
  readonly cases: readonly { readonly config: LlamaConfig & { readonly seed: number }; readonly logits: string }[]
}

const { ids, cases }: Fixture = JSON.parse(readFileSync(new URL('./fixtures/logits.json', import.meta.url), 'utf8'))

/** The generator of the referee: every tensor continues its stream. */
const weights = (seed: number) => {
  const next = refereeNumbers(seed)
  return (size: number, { spread = 1, centre = 0 }) =>
    Float32Array.from({ length: size }, () => centre + spread * (next() - 0.5))
}

/** How the referee draws a tensor: embeddings are small, norms lie around 1. */
const manner = (path: string) => {
  if (path.startsWith('tok_embeddings')) return { spread: 0.02 }
  return path.includes('norm') ? { centre: 1 } : {}
}

const floats = (text: string) => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)

describe.each(cases)('transformers agrees: $config', ({ config, logits }) => {
  const { seed, ...modelConfig } = config

  test('on every logit, to 1e-4 of the largest', async () => {
    await using device = await openDevice('cpu')
    using model = gqaLlama(device, modelConfig)
    const draw = weights(seed)
    for (const [path, parameter] of model.parameters())
      parameter.load(device.tensor(draw(parameter.size, manner(path)), parameter.shape))
    // All sequences in one pass, packed one after the other.
    const starts = ids.map((_, i) => ids.slice(0, i).reduce((sum, { length }) => sum + length, 0))
    using result = model.run(model.pack(ids.flat(), starts))
    const found = await result.read()
    const expected = floats(logits)
    expect(found).toHaveLength(expected.length)
    const scale = Math.max(...expected.map(Math.abs))
    const error = Math.max(...found.map((value, i) => Math.abs(value - expected[i]))) / scale
    expect(error).toBeLessThan(1e-4)
  })
})
