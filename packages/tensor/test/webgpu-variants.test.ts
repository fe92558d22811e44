import { chromium, crossOriginIsolation, runInBrowser } from '@cria/browser'
import { Random } from '@cria/vitest/random'
import { describe, expect, test } from 'vitest'
import { listDevices } from '../src'
import { runVariant, type VariantOutcome, variants } from './cases/variants'

// Every variant of the shaders of "webgpu" against float64: on a user's GPU the tuner may choose any of them.
// All take minutes on an emulated GPU, for which CRIA_FUZZ_SECONDS asks. Without it, CRIA_SEED draws one of each kind.

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 32)
const available = (await listDevices()).find(({ name }) => name === 'webgpu')?.available
const names = [...variants.keys()]
const draw = new Random(seed)
const tested =
  process.env.CRIA_FUZZ_SECONDS === undefined
    ? ['few rows', 'tiled', 'online'].map(kind => {
        const ofKind = names.filter(name => name.startsWith(kind))
        return ofKind[draw.integer(0, ofKind.length - 1)]
      })
    : names

const hold = ({ calls, outcomes }: VariantOutcome) => {
  expect(calls).toBeGreaterThan(10)
  expect(outcomes.filter(({ error, limit }) => !(error <= limit))).toEqual([])
}

describe(`variants, seed ${seed}`, { timeout: 600_000 }, () => {
  test('products, tiles and attention have several', () => {
    expect(names).toEqual(expect.arrayContaining(['few rows, subgroups', 'tiled 32x32', 'online, stretches of 64']))
    expect(variants.get('few rows, subgroups')).toHaveLength(5)
  })

  test.skipIf(!available).each(tested)('%s', async name => hold(await runVariant(name, seed)))

  test.skipIf(!chromium)('one of each kind in Chromium', async () => {
    const entry = new URL('./variants.page.ts', import.meta.url)
    const kinds = ['few rows, subgroups', 'tiled 32x64', 'online, stretches of 64']
    const run = { entry, input: { names: kinds, seed }, headers: crossOriginIsolation, timeout: 580_000 }
    const found = (await runInBrowser(run)) as Readonly<Record<string, VariantOutcome>>
    expect(Object.keys(found)).toEqual(kinds)
    for (const outcome of Object.values(found)) hold(outcome)
  })
})
