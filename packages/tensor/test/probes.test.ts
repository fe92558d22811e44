import { afterEach, expect, test, vi } from 'vitest'
import { listDevices, openDevice } from '../src'
import { SimdDevice } from '../src/devices/simd/device'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

test('a page without OffscreenCanvas, such as jsdom, lacks the devices of WebGL alone', async () => {
  vi.stubGlobal('document', { createElement: () => ({ getContext: () => null }) })
  expect(typeof OffscreenCanvas).toBe('undefined')
  const reports = await listDevices()
  const available = (name: string) => reports.find(report => report.name === name)?.available
  expect([available('webgl2'), available('webgl')]).toEqual([false, false])
  expect([available('simd'), available('webasm'), available('cpu')]).toEqual([true, true, true])
  await using chosen = await openDevice()
  expect(['webgpu', 'simd']).toContain(chosen.name)
})

test('a device whose probe throws costs that device alone: auto takes the next', async () => {
  vi.spyOn(SimdDevice, 'open').mockRejectedValue(new RangeError('no shared memory here'))
  const reports = await listDevices()
  expect(reports.find(({ name }) => name === 'simd')).toMatchObject({
    available: false,
    detail: 'no shared memory here',
  })
  await using chosen = await openDevice()
  expect(['webgpu', 'cpu']).toContain(chosen.name)
})

test('auto opens each device that it tries once', async () => {
  const opened = vi.spyOn(SimdDevice, 'open')
  await using chosen = await openDevice()
  expect(opened).toHaveBeenCalledTimes(chosen.name === 'simd' ? 1 : 0)
})
