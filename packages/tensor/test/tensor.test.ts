import { expect, test } from 'vitest'
import {
  add,
  DeviceFailedError,
  DeviceUnavailableError,
  DisposedError,
  linear,
  listDevices,
  openDevice,
  ShapeError,
  softmax,
} from '../src'

const device = await openDevice('cpu')

test('a tensor holds what it was given, and reads it back', async () => {
  using x = device.tensor([1, 2, 3, 4, 5, 6], [2, 3])
  expect(x.shape).toEqual([2, 3])
  expect(await x.read()).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6))
})

test('an upload is a copy', async () => {
  const data = Float32Array.of(1, 2)
  using x = device.tensor(data, [2])
  data[0] = 9
  expect(await x.read()).toEqual(Float32Array.of(1, 2))
})

test('a count that does not fit the shape is refused', () => {
  expect(() => device.tensor([1, 2, 3], [2, 2])).toThrow(
    new ShapeError('tensor', '[2, 2] as f32 needs 4 values, found 3'),
  )
  expect(() => device.tensor([], [0])).toThrow(ShapeError)
  expect(() => device.tensor([1], [1.5])).toThrow(ShapeError)
})

test('a type that the device cannot read is refused', () => {
  expect(() => device.tensor(new Uint8Array(34), [32], 'q8_0')).toThrow('device "cpu" holds f32, not q8_0')
})

test('a reshaped view shares its memory, which lives as long as either', async () => {
  const before = device.memory.allocations
  const x = device.tensor([1, 2, 3, 4], [4])
  const view = x.reshape(2, -1)
  expect(view.shape).toEqual([2, 2])
  expect(device.memory.allocations).toBe(before + 1)
  x.dispose()
  expect(await view.read()).toEqual(Float32Array.of(1, 2, 3, 4))
  view.dispose()
  expect(device.memory.allocations).toBe(before)
  expect(() => device.zeros([6]).reshape(4, -1)).toThrow('[6] cannot become [4, -1]')
})

test('a disposed tensor says so', async () => {
  const x = device.zeros([2])
  x.dispose()
  x.dispose()
  expect(() => add(x, x)).toThrow(DisposedError)
  await expect(x.read()).rejects.toThrow(DisposedError)
})

test('a scope frees the tensors that were made in it, except those that it keeps', async () => {
  const before = device.memory.allocations
  const sum = () => {
    using scope = device.scope()
    const a = device.tensor([1, 2], [2])
    return scope.keep(add(add(a, a), a))
  }
  const outer = device.scope()
  const kept = sum()
  expect(await kept.read()).toEqual(Float32Array.of(3, 6))
  expect(device.memory.allocations).toBe(before + 1)
  outer[Symbol.dispose]()
  expect(kept.disposed).toBe(true)
  expect(device.memory).toEqual({ allocations: before, bytes: expect.any(Number) })
})

test('a scope ends once', () => {
  const before = device.memory.allocations
  const first = device.scope()
  first.dispose()
  {
    using _second = device.scope()
    first.dispose()
    device.zeros([2])
  }
  expect(device.memory.allocations).toBe(before)
})

test('a scope keeps nothing that another made', () => {
  using x = device.zeros([2])
  {
    using _outer = device.scope()
    using inner = device.scope()
    expect(inner.keep(x)).toBe(x)
  }
  expect(x.disposed).toBe(false)
})

test('numbers are not accepted as the bits of another type', async () => {
  await using shapes = await openDevice('shape')
  expect(() => shapes.tensor(new Float32Array(64), [2, 32], 'f16')).toThrow(
    new ShapeError('tensor', 'f16 is given as a Uint16Array, not as a Float32Array'),
  )
  expect(() => shapes.tensor(new Uint16Array(34), [1, 32], 'q8_0')).toThrow(ShapeError)
})

test('a weight that is not f32 can be used only where weights are read', async () => {
  await using shapes = await openDevice('shape')
  const weight = shapes.tensor(new Uint8Array(2 * 34), [2, 32], 'q8_0')
  expect(() => add(weight, weight)).toThrow('add: input 0 must be f32, found [2, 32] as q8_0')
  expect(() => linear(weight, weight)).toThrow(ShapeError)
  expect(() => weight.reshape(1, 64)).toThrow('reshape: a q8_0 weight keeps its rows')
  expect(linear(shapes.zeros([3, 32]), weight).shape).toEqual([3, 2])
})

test('too large a tensor is an error that says so, and allocates nothing', async () => {
  await using other = await openDevice('cpu')
  expect(() => other.zeros([2 ** 20, 2 ** 20])).toThrow(
    new DeviceFailedError(
      'cpu',
      'a tensor of 4398046511104 bytes is more than this process can hold: take a smaller model or context',
    ),
  )
  expect(other.memory).toEqual({ allocations: 0, bytes: 0 })
})

test.each(['cpu', 'webasm', 'simd', 'shape'] as const)('%s may be closed twice', async name => {
  const other = await openDevice(name)
  await other.close()
  await other.close()
})

test('an option that a device would ignore is refused', async () => {
  await expect(openDevice('cpu', { threads: 2 })).rejects.toThrow(
    'threads are for the device "simd", and this is "cpu"',
  )
  await expect(openDevice('simd', { thread: 2 } as never)).rejects.toThrow('openDevice has no option "thread"')
})

test('inputs of one op lie on one device', async () => {
  await using other = await openDevice('cpu')
  using a = device.zeros([2])
  using b = other.zeros([2])
  expect(() => add(a, b)).toThrow(ShapeError)
})

test('shapes that do not fit an op are named', () => {
  using x = device.zeros([2, 3])
  using weight = device.zeros([4, 5])
  expect(() => linear(x, weight)).toThrow('linear: x [2, 3] needs a weight [out, 3], found [4, 5]')
})

test('an axis longer than the loops of kernels is refused, because its end would be ignored', async () => {
  using longest = device.zeros([1, 2 ** 20])
  using shares = softmax(longest)
  expect((await shares.read())[2 ** 20 - 1]).toBe(2 ** -20)
  using longer = device.zeros([1, 2 ** 20 + 1])
  expect(() => softmax(longer)).toThrow(
    new ShapeError('softmax', 'an axis of 1048577 is too long for the kernels, which add up 1048576 at most'),
  )
})

test('a recording lists kernels in order, and their cost', () => {
  using scope = device.scope()
  const x = scope.keep(device.zeros([2, 8]))
  const weight = scope.keep(device.zeros([4, 8]))
  const { dispatches, cost } = device.record(() => linear(x, weight).dispose())
  expect(dispatches).toEqual([{ op: 'linear', kernel: 'linear', output: [4, 2] }])
  expect(cost.flops).toBe(2 * 2 * 4 * 8)
  x.dispose()
  weight.dispose()
})

test('the shape device computes shapes of any size, and has nothing to read', async () => {
  await using shapes = await openDevice('shape')
  using x = shapes.zeros([1, 2 ** 20])
  using weight = shapes.zeros([2 ** 20, 2 ** 20])
  using y = linear(x, weight)
  expect(y.shape).toEqual([1, 2 ** 20])
  await expect(y.read()).rejects.toThrow(DeviceFailedError)
})

test('an unknown device, or one that cannot run here, is an error that says why', async () => {
  await expect(openDevice('gpu' as never)).rejects.toThrow(
    /"gpu" cannot run here: no such device; there are auto, webgpu/,
  )
  await expect(openDevice('webgl2')).rejects.toThrow(DeviceUnavailableError)
  await expect(openDevice('webgl2')).rejects.toThrow('it needs a browser')
})

test('every device is listed with what it runs on, or why it cannot', async () => {
  const reports = await listDevices()
  expect(reports.map(({ name }) => name)).toContain('webgpu')
  for (const { detail } of reports) expect(detail).not.toBe('')
  expect(reports.find(({ name }) => name === 'cpu')).toMatchObject({ available: true, software: false })
})

test('auto takes no software adapter', async () => {
  await using chosen = await openDevice()
  const report = (await listDevices()).find(({ name }) => name === chosen.name)
  expect(report).toMatchObject({ available: true, software: false })
})
