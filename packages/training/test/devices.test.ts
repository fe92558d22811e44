import { chromium, crossOriginIsolation, runInBrowser } from '@cria/browser'
import { type DeviceName, listDevices, openDevice } from '@cria/tensor'
import { testedDevices, testedInPages } from '@cria/vitest/devices'
import { expect, test } from 'vitest'
import { Trainer, train } from '../src'
import { firstLosses } from './first-losses'
import { fixture } from './pytorch'
import { config, counting, tinyModel, weightsOf } from './tiny'

const reports = testedDevices(await listDevices())
const names: readonly DeviceName[] = ['cpu', 'simd', 'webgpu', 'webasm', 'headlessgl']
const [of] = fixture.cases

for (const { name, available } of reports.filter(({ name }) => names.includes(name)))
  test.skipIf(!available)(`the first 5 losses on ${name} are PyTorch's`, { timeout: 300_000 }, async () => {
    const losses = await firstLosses({ device: name })
    for (const [i, loss] of losses.entries()) expect(Math.abs(loss / of.losses[i] - 1)).toBeLessThan(1e-5)
  })

for (const device of ['simd', 'webgpu'] as const)
  test.skipIf(!chromium || !testedInPages(device))(`a page trains on ${device}`, { timeout: 600_000 }, async () => {
    const entry = new URL('./first-losses.page.ts', import.meta.url)
    const found = (await runInBrowser({ entry, input: { device }, headers: crossOriginIsolation })) as number[]
    for (const [i, loss] of found.entries()) expect(Math.abs(loss / of.losses[i] - 1)).toBeLessThan(1e-5)
    expect(found).toHaveLength(5)
  })

const simd = reports.find(({ name }) => name === 'simd')

test.skipIf(!simd?.available)(
  'on simd, any number of threads gives the same weights, also across a resumption',
  async () => {
    const options = { data: counting, schedule: () => 0.02, batchTokens: 4 * config.max_seq_len }
    await using one = await openDevice('simd', { threads: 1 })
    using whole = tinyModel(one)
    for await (const _ of train(whole, { ...options, steps: 60 }));
    await using two = await openDevice('simd', { threads: 2 })
    using first = tinyModel(two)
    using trainer = new Trainer(first, options)
    for await (const _ of trainer.steps({ until: 30 }));
    using second = tinyModel(one, 3)
    using resumed = new Trainer(second, { ...options, state: await trainer.state() })
    for await (const _ of resumed.steps({ until: 60 }));
    expect(await weightsOf(second)).toEqual(await weightsOf(whole))
  },
)
