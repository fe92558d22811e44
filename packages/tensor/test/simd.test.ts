import { expect, test } from 'vitest'
import { DeviceFailedError, linear, linearAdd, normGatedLinear, type Tensor } from '../src'
import { SimdDevice } from '../src/devices/simd/device'
import { runCases } from './cases/check'
import { Draw } from './cases/draw'
import { runQuantised } from './cases/quantised'

// Small memories split small models, as memories of 4 GiB split models of tens of gigabytes.

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 32)

test(`inputs of an op may lie in several memories, seed ${seed}`, async () => {
  await using device = await SimdDevice.open({ threads: 2 }, 2 ** 23)
  // The first memory has hardly any room, so an op's larger inputs lie elsewhere than its smaller ones.
  const full = device.zeros([7 * 2 ** 18 - 2 ** 14])
  const outcomes = [...(await runCases(device, seed)), ...(await runQuantised(device, seed))]
  expect(outcomes.filter(({ error, limit }) => !(error <= limit))).toEqual([])
  expect(device.description).toMatch(/, 2 threads, [2-9] memories$/)
  full.dispose()
  expect(device.memory).toEqual({ allocations: 0, bytes: 0 })
})

const SIZE = 362

/** A chain of layers of half a MiB each. */
const chain = (device: SimdDevice, x: Float32Array, layers: readonly Float32Array[]): Promise<Float32Array> => {
  using _scope = device.scope()
  const weights = layers.map(data => device.tensor(data, [SIZE, SIZE]))
  let h: Tensor = device.tensor(x, [1, SIZE])
  for (const weight of weights) h = linear(h, weight)
  return h.read()
}

test('weights beyond one memory go into others, and give the same bits', async () => {
  const draw = new Draw(seed)
  const layers = Array.from({ length: 9 }, () => Float32Array.from(draw.normal(SIZE, SIZE).data))
  const x = Float32Array.from(draw.normal(SIZE).data)
  await using roomy = await SimdDevice.open({ threads: 1 })
  await using cramped = await SimdDevice.open({ threads: 1 }, 2 ** 21)
  expect(await chain(cramped, x, layers)).toEqual(await chain(roomy, x, layers))
  expect(cramped.description).toMatch(/ 5 memories$/)
  expect(roomy.description).not.toContain('memories')
  expect(cramped.memory).toEqual({ allocations: 0, bytes: 0 })
})

test('a composite op is one call where its inputs share a memory, else its parts, and gives the same bits', async () => {
  const draw = new Draw(seed)
  const layers = Array.from({ length: 5 }, () => Float32Array.from(draw.normal(SIZE, SIZE).data))
  const x = Float32Array.from(draw.normal(SIZE).data)
  const run = async (device: SimdDevice) => {
    using _scope = device.scope()
    const ran = new Set<string>()
    using _observing = device.observe({ call: ({ op }) => void ran.add(op.name) })
    const weights = layers.map(data => device.tensor(data, [SIZE, SIZE]))
    const norm = device.tensor(new Float32Array(SIZE).fill(1), [SIZE])
    let h: Tensor = device.tensor(x, [1, SIZE])
    for (const [i, weight] of weights.entries())
      h = linearAdd(normGatedLinear(h, norm, weight, weights[(i + 1) % weights.length], 1e-5), weight, h)
    return { y: await h.read(), ran: [...ran].sort() }
  }
  await using roomy = await SimdDevice.open({ threads: 1 })
  await using cramped = await SimdDevice.open({ threads: 1 }, 2 ** 21)
  const whole = await run(roomy)
  const inParts = await run(cramped)
  expect(whole.ran).toEqual(['linearAdd', 'normGatedLinear'])
  expect(inParts.ran).toEqual(['add', 'linear', 'linearAdd', 'normGatedLinear', 'rmsNorm', 'siluMul'])
  expect(inParts.y).toEqual(whole.y)
})

test('a weight that was read into staging memory is packed there, with the same bits', async () => {
  await using device = await SimdDevice.open({ threads: 2 })
  const [out, columns] = [100, 256]
  const draw = new Draw(seed)
  using x = device.tensor(Float32Array.from(draw.normal(3, columns).data), [3, columns])
  const halves = Uint16Array.from({ length: out * columns }, () => draw.integer(0x3000, 0x3bff))
  // Zero scales are valid blocks of any values.
  const blocks = Uint8Array.from({ length: (out * columns * 34) / 32 }, (_, i) =>
    i % 34 < 2 ? 0x2c : draw.integer(0, 255),
  )
  const used = () => device.memory.bytes
  const before = used()
  for (const [dtype, data] of [
    ['f16', halves],
    ['q8_0', blocks],
  ] as const) {
    const products = async (weights: Uint16Array | Uint8Array) => {
      using weight = device.tensor(weights, [out, columns], dtype)
      // Another weight takes memory that is free: what is staged must not be freed too early.
      using _other = device.tensor(data, [out, columns], dtype)
      using product = linear(x, weight)
      return product.read()
    }
    using first = device.staging()
    using second = device.staging()
    const staged = [first, second].map(staging => {
      staging.take(10)
      const bytes = staging.take(data.byteLength)
      bytes.set(new Uint8Array(data.buffer))
      return dtype === 'f16' ? new Uint16Array(bytes.buffer, bytes.byteOffset, data.length) : bytes
    })
    const expected = await products(data)
    expect(expected.some(value => value !== 0)).toBe(true)
    for (const weights of staged) expect(await products(weights)).toEqual(expected)
  }
  expect(used()).toBe(before)
})

test('staging memory that has no room in an engine is outside of it', async () => {
  await using device = await SimdDevice.open({ threads: 1 }, 2 ** 20)
  using staging = device.staging()
  const bytes = staging.take(2 ** 21)
  expect(bytes.length).toBe(2 ** 21)
  using weight = device.tensor(bytes.subarray(0, 34 * 16), [16, 32], 'q8_0')
  using x = device.zeros([1, 32])
  expect(await linear(x, weight).read()).toEqual(new Float32Array(16))
})

test('an op that fails frees its memory', async () => {
  await using device = await SimdDevice.open({ threads: 1 }, 2 ** 20)
  const x = device.zeros([24, 4096])
  const weight = device.zeros([16, 4096])
  // The result has room, the scratch memory for its tiles has not.
  for (let i = 0; i < 200; i++) expect(() => linear(x, weight)).toThrow(DeviceFailedError)
  x.dispose()
  weight.dispose()
  using _most = device.zeros([180_000])
  expect(device.description).toMatch(/ 1 thread$/) // in the memory that there was
})

test('a tensor larger than a memory is refused, with the size that it needs', async () => {
  await using device = await SimdDevice.open({ threads: 1 }, 2 ** 20)
  expect(() => device.zeros([2 ** 18])).toThrow(DeviceFailedError)
  expect(() => device.zeros([2 ** 18])).toThrow('1 MiB more would need a memory of 2 MiB, and it is limited to 1 MiB')
  expect(device.memory).toEqual({ allocations: 0, bytes: 0 })
})
