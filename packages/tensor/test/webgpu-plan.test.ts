import { describe, expect, test } from 'vitest'
import { type Device, DeviceFailedError, listDevices, openDevice, softmax, TensorError } from '../src'
import { WebGpuDevice } from '../src/devices/webgpu/device'
import { WebGpuPlan } from '../src/devices/webgpu/plan'
import { TinyLlama } from './tiny-llama'

// A plan of the device "webgpu" needs no GPU. Where there is one, the plan is what the device does.

const available = (await listDevices()).find(({ name }) => name === 'webgpu')?.available
const plan = (bindingBytes?: number) => openDevice('shape', { plan: { device: 'webgpu', bindingBytes } })

/** Dispatches of one step, and bytes that the model holds. */
const stepOf = (device: Device, position: number) => {
  using model = new TinyLlama(device, 'f16')
  const { dispatches, cost } = device.record(() => model.step(1, position).dispose())
  return { dispatches, cost, bytes: device.memory.bytes }
}

describe('a plan of webgpu', () => {
  // What a GPU in hardware runs, on any adapter.
  const hardware = Object.fromEntries(
    ['linear', 'linearAdd', 'normLinear', 'normGatedLinear', 'projectHeads', 'attention'].map(op => [
      op,
      ['few rows', 'tiled', 'online', 'kernels'],
    ]),
  )

  test.skipIf(!available).each([
    [2 ** 27, undefined],
    [2 ** 14, undefined],
    [2 ** 14, hardware],
  ])('is what the device does, with bindings of %i bytes and force %o', async (limit, force) => {
    await using device = await WebGpuDevice.open({ limit, force })
    await using planned = new WebGpuPlan({ bindingBytes: limit, force, software: device.software })
    for (const position of [0, 20]) {
      const { bytes, ...done } = stepOf(device, position)
      const { bytes: plannedBytes, ...expected } = stepOf(planned, position)
      expect(expected).toEqual(done)
      // Buffers come in classes of sizes.
      expect(plannedBytes).toBeLessThanOrEqual(bytes)
      expect(plannedBytes).toBeGreaterThan(bytes / 2)
    }
  })

  test('divides weights by the binding that it is given', async () => {
    const dispatches = async (bindingBytes: number) => {
      await using planned = await plan(bindingBytes)
      return stepOf(planned, 0).dispatches.length
    }
    // The table of 200 rows of 256 bytes lies in four buffers, and is read for the embedding and for the logits.
    expect((await dispatches(2 ** 14)) - (await dispatches(2 ** 16))).toBeGreaterThanOrEqual(2 * 3)
    await using planned = await plan()
    expect(planned.description).toContain('bindings of 134217728 bytes')
    expect(() => planned.zeros([2 ** 26])).toThrow(DeviceFailedError)
    using weight = planned.zeros([2 ** 16, 2 ** 10], 'f16')
    expect(weight.storage.bytes).toBe(2 ** 27)
    await expect(weight.read()).rejects.toThrow('it holds no data to read')
  })

  test('is refused where it would be ignored, and for bindings of no size', async () => {
    const options = { plan: { device: 'webgpu' } } as const
    await expect(openDevice('cpu', options)).rejects.toThrow('plan is for the device "shape", and this is "cpu"')
    await expect(plan(1.5)).rejects.toThrow('bindingBytes is 1.5, expected a whole number of at least 256')
    await expect(plan(-1)).rejects.toBeInstanceOf(TensorError)
  })
})

describe.skipIf(!available)('prepared for', () => {
  test('a step compiles nothing more', async () => {
    await using device = await WebGpuDevice.open()
    const { gpu } = device as unknown as { readonly gpu: GPUDevice }
    const late: string[] = []
    const compile = gpu.createComputePipeline.bind(gpu)
    gpu.createComputePipeline = descriptor => {
      late.push(String(descriptor.label))
      return compile(descriptor)
    }
    const prepared = await device.prepare(shapes => {
      using model = new TinyLlama(shapes, 'f16')
      model.step(1, 0).dispose()
    })
    await prepared.compiled
    using model = new TinyLlama(device, 'f16')
    using next = model.step(1, 0)
    expect((await next.readIntegers())[0]).toBeGreaterThanOrEqual(0)
    expect(late).toEqual([])
    // What it was not prepared for is compiled when it is asked for.
    using logits = device.zeros([3, 8])
    using _shares = softmax(logits)
    expect(late).toHaveLength(1)
  })

  test('work that begins before all is compiled is right', async () => {
    const next = async (prepare: boolean) => {
      await using device = await WebGpuDevice.open()
      if (prepare) await device.prepare(shapes => new TinyLlama(shapes, 'f16').step(1, 0).dispose())
      using model = new TinyLlama(device, 'f16')
      using id = model.step(1, 0)
      return (await id.readIntegers())[0]
    }
    expect(await next(true)).toBe(await next(false))
  })
})

test('a device that compiles nothing runs nothing to prepare', async () => {
  await using device = await openDevice('cpu')
  const { compiled } = await device.prepare(() => {
    throw new Error('it ran')
  })
  await compiled
})
