import { chromium, crossOriginIsolation, runInBrowser } from '@cria/browser'
import { expect, test } from 'vitest'
import { listDevices } from '../src'
import type workOnEachClosed from './closed-device'
import { workOnClosed } from './closed-device'

// No work runs on a closed device: memory of its engine or GPU is gone, so results would be wrong without an error.

const devices = (await listDevices()).filter(({ name }) => name !== 'shape')

const expectTyped = ({ begun, outcomes, left }: Awaited<ReturnType<typeof workOnClosed>>) => {
  expect(new Set(Object.values(outcomes)), JSON.stringify(outcomes)).toEqual(new Set(['DeviceClosedError']))
  expect(['2,4,6,8', 'DeviceClosedError']).toContain(begun)
  expect(left).toEqual({ allocations: 0, bytes: 0 })
}

for (const { name, available } of devices)
  test.skipIf(!available)(`a closed ${name} computes nothing, and says that it is closed`, async () => {
    expectTyped(await workOnClosed(name))
  })

test.skipIf(!chromium)('closed devices of a page compute nothing, and say that they are closed', async () => {
  const entry = new URL('./closed-device.ts', import.meta.url)
  const input = ['simd', 'webgl2', 'webgl', 'webgpu']
  const found = await runInBrowser({ entry, input, headers: crossOriginIsolation })
  const outcomes = found as Awaited<ReturnType<typeof workOnEachClosed>>
  expect(Object.keys(outcomes)).toEqual(input)
  for (const outcome of Object.values(outcomes)) expectTyped(outcome)
})
