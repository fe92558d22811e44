import { describe, expect, test } from 'vitest'
import { add, DeviceLostError, listDevices, OutOfMemoryError, openDevice } from '../src'
import { WebGpuDevice } from '../src/devices/webgpu/device'

// What a GPU does when it is lost or full. Both are provoked: `destroy()` loses it, and the memory is made small.

const available = (await listDevices()).find(({ name }) => name === 'webgpu')?.available
const gpuOf = (device: WebGpuDevice) => (device as unknown as { readonly gpu: GPUDevice }).gpu

describe.skipIf(!available)('faults of webgpu', () => {
  test('a lost GPU is an error of the next call, which says what to do', async () => {
    await using device = await WebGpuDevice.open()
    gpuOf(device).destroy()
    await gpuOf(device).lost
    expect(() => device.tensor([1], [1])).toThrow(DeviceLostError)
    expect(() => device.zeros([1])).toThrow('the GPU was lost; open the device again and load the model again')
  })

  test('if a GPU is lost during a read, the read fails with that error', async () => {
    await using device = await WebGpuDevice.open()
    using _scope = device.scope()
    const read = add(device.tensor([1], [1]), device.tensor([2], [1])).read()
    gpuOf(device).destroy()
    await expect(read).rejects.toThrow(DeviceLostError)
  })

  test('a device that was closed is not lost', async () => {
    const device = await WebGpuDevice.open()
    await device.close()
    await gpuOf(device).lost
    expect(() => device.zeros([1])).toThrow('is closed')
  })

  test('a GPU without memory for a tensor says for which, and computes nothing after', async () => {
    await using device = await WebGpuDevice.open()
    const gpu = gpuOf(device)
    const kinds: string[] = []
    const push = gpu.pushErrorScope.bind(gpu)
    gpu.pushErrorScope = kind => {
      kinds.push(kind)
      push(kind)
    }
    const pop = gpu.popErrorScope.bind(gpu)
    gpu.popErrorScope = async () => {
      await pop()
      return new Error('not enough memory left') as unknown as GPUError
    }
    using weight = device.tensor(new Float32Array(2 ** 18), [2 ** 9, 2 ** 9])
    await expect(device.granted()).rejects.toThrow(
      new OutOfMemoryError('webgpu', '[512, 512] as f32', 2 ** 20, { cause: expect.anything() }),
    )
    expect(kinds).toEqual(['out-of-memory'])
    expect(() => add(weight, weight)).toThrow(OutOfMemoryError)
  })

  test('memory that is there is granted, and small buffers are asked for without an error scope', async () => {
    await using device = await WebGpuDevice.open()
    gpuOf(device).pushErrorScope = () => {
      throw new Error('a scope for a small buffer')
    }
    using _small = device.zeros([2 ** 10])
    await device.granted()
  })
})

for (const name of ['webgpu', 'simd', 'cpu'] as const)
  test.skipIf(name === 'webgpu' && !available)(`a tensor beyond the memory limit of ${name} is an error`, async () => {
    await using device = await openDevice(name)
    device.memoryLimit = 4096
    using small = device.zeros([8, 8])
    const before = { ...device.memory }
    expect(() => device.zeros([32, 64])).toThrow(OutOfMemoryError)
    expect(() => device.tensor(new Float32Array(2048), [32, 64])).toThrow('it has no memory for [32, 64] as f32, ')
    expect(device.memory).toEqual(before)
    expect(await small.read()).toEqual(new Float32Array(64))
  })
