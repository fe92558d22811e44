import { ops } from '@cria/tensor'
import { testedDevices } from '@cria/vitest/devices'
import { expect, test } from 'vitest'
import { type Device, listDevices, loadModel, openDevice } from '../src'
import { generateGreedily, likeliestAfterEach } from './greedy'
import { greedyCases, hasStories, stories } from './stories'

// A trained model writes the same text with each variant of the shaders of "webgpu", and with the kernels of gpu.js alone. Those that
// round to f16 or int8 change results, and are not asked for this.

const available = testedDevices(await listDevices()).find(({ name }) => name === 'webgpu')?.available
const [golden] = greedyCases
/** Emulated GPUs decode a few tokens a second. */
const TOKENS = 4
/** Tokens that are read in passes of many: more than tiles are for. */
const READ = 40

/** Of an op, the variants of one kind fit the same calls. */
const kindOf = (name: string): string | undefined =>
  name.startsWith('few rows') ? 'few rows' : /^(tiled|online|direct)/.test(name) ? 'many rows' : undefined

/** By variant: its ops, each with the variant and the implementations of other kinds. */
const forcedVariants = async (): Promise<Record<string, Record<string, readonly string[]>>> => {
  await using device = await openDevice('webgpu')
  const sets: Record<string, Record<string, readonly string[]>> = {}
  for (const op of ops) {
    const names = device.implementationNames(op)
    for (const name of names) {
      const kind = kindOf(name)
      if (kind === undefined || / (f16|int8)/.test(name)) continue
      sets[name] ??= {}
      sets[name][op.name] = names.filter(other => other === name || kindOf(other) !== kind)
    }
  }
  return sets
}

const load = (device: Device) =>
  loadModel(stories('stories260K.bin'), { tokenizer: stories('tok512.model'), device, cache: 'f32' })

test.skipIf(!available || !hasStories)('a golden text with each variant', { timeout: 900_000 }, async () => {
  await using cpu = await openDevice('cpu')
  await using reference = await load(cpu)
  const { text, ids } = await generateGreedily(reference, golden)
  expect(text).toBe(golden.text)
  const whole = [...golden.prompt_ids, ...ids].slice(0, READ + 1)
  const sets = { kernels: 'kernels' as const, ...(await forcedVariants()) }
  expect(Object.keys(sets).length).toBeGreaterThan(15)
  for (const [name, force] of Object.entries(sets)) {
    await using device = await openDevice('webgpu', { force })
    await using model = await load(device)
    const ran = new Set<string>()
    using _observing = device.observe({ call: ({ implementation }) => void ran.add(implementation) })
    // Steps of one token, and passes of many.
    const short = { ...golden, steps: golden.prompt_ids.length - 1 + TOKENS }
    expect((await generateGreedily(model, short)).ids, name).toEqual(ids.slice(0, TOKENS))
    const likeliest = await likeliestAfterEach(model, whole.slice(0, -1))
    expect(likeliest.slice(golden.prompt_ids.length - 1), name).toEqual(whole.slice(golden.prompt_ids.length))
    expect([...ran]).toContain(name)
  }
})
