import { chromium, crossOriginIsolation, runInBrowser } from '@cria/browser'
import { testedDevices, testedInPages } from '@cria/vitest/devices'
import { afterAll, describe, expect, test } from 'vitest'
import { listDevices, openDevice } from '../src/devices/registry'
import { ops } from '../src/ops'
import { type Outcome, runCases } from './cases/check'
import { runQuantised } from './cases/quantised'

// Every op on every device against its float64 reference. The table of the largest relative errors is printed at the end:
// pnpm --filter @cria/tensor test:ops

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 32)
const inNode = testedDevices(await listDevices()).filter(({ name }) => name !== 'shape')
const inPage = ['simd', 'webgl2', 'webgl', 'webgpu'] as const
const table: Record<string, Record<string, string>> = {}

const tabulate = (device: string, outcomes: readonly Outcome[]) => {
  for (const { op, error } of outcomes) {
    table[op] ??= {}
    const worst = Math.max(Number(table[op][device] ?? 0), error)
    table[op][device] = worst === 0 ? '0' : worst.toExponential(1)
  }
}

const hold = (device: string, outcomes: readonly Outcome[]) => {
  tabulate(device, outcomes)
  expect(outcomes.length).toBeGreaterThanOrEqual(300)
  expect(outcomes.filter(({ error, limit }) => !(error <= limit))).toEqual([])
  expect(new Set(outcomes.map(({ op }) => op))).toEqual(new Set(ops.map(({ name }) => name)))
}

const holdQuantised = (device: string, outcomes: readonly Outcome[]) => {
  tabulate(device, outcomes)
  expect(outcomes.filter(({ error, limit }) => !(error <= limit))).toEqual([])
}

describe(`ops, seed ${seed}`, () => {
  for (const { name, available } of inNode)
    test.skipIf(!available)(`on ${name}`, { timeout: 600_000 }, async () => {
      await using device = await openDevice(name)
      hold(name, await runCases(device, seed))
      expect(device.memory).toEqual({ allocations: 0, bytes: 0 })
    })

  for (const name of ['simd', 'webgpu'] as const)
    test.skipIf(!inNode.find(report => report.name === name)?.available)(`quantised weights on ${name}`, async () => {
      await using device = await openDevice(name)
      const outcomes = await runQuantised(device, seed)
      holdQuantised(name, outcomes)
      expect(new Set(outcomes.map(({ op }) => op)).size).toBe(2 * (device.weightTypes.length - 1))
    })

  for (const device of inPage)
    test.skipIf(!chromium || !testedInPages(device))(`on ${device} in Chromium`, { timeout: 600_000 }, async () => {
      const entry = new URL('./browser-cases.ts', import.meta.url)
      const run = { entry, input: { device, seed }, headers: crossOriginIsolation, timeout: 580_000 }
      const { on, outcomes, quantised } = (await runInBrowser(run)) as Record<'outcomes' | 'quantised', Outcome[]> & {
        on: string
      }
      hold(`${device} (page)`, outcomes)
      holdQuantised(`${device} (page)`, quantised)
      // Chromium has relaxed SIMD, which Node has from 22 on.
      if (device === 'simd') expect(on).toContain('relaxed SIMD')
    })

  afterAll(() => {
    const devices = [...new Set(Object.values(table).flatMap(Object.keys))]
    const row = (cells: readonly string[]) => cells.map((cell, i) => cell.padEnd(i === 0 ? 16 : 15)).join('')
    const lines = Object.entries(table).map(([op, errors]) => row([op, ...devices.map(device => errors[device] ?? '')]))
    console.log(['largest relative error, by op and device', row(['', ...devices]), ...lines].join('\n'))
  })
})
