import { type DType, decode, dtypes, encode } from '@cria/dtypes'
import { describe, expect, test } from 'vitest'
import {
  attention,
  copyRows,
  DeviceFailedError,
  embedding,
  linear,
  linearAdd,
  listDevices,
  ShapeError,
  type Tensor,
  writeRows,
} from '../src'
import { WebGpuDevice } from '../src/devices/webgpu/device'
import { attentionOp } from '../src/ops/attention'
import { linearOp } from '../src/ops/linear'
import { Draw } from './cases'
import { drawAttention } from './cases/attention'
import { relativeError, TOLERANCE } from './cases/check'
import { drawWeight } from './cases/quantised'
import { LAYERS, TinyLlama } from './tiny-llama'

// What the shaders of the device "webgpu" do beyond the cases of all ops: caches of f16, weights in several buffers, and the
// dispatches and bytes of a decode step.

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 32)
const available = (await listDevices()).find(({ name }) => name === 'webgpu')?.available
const floats = ({ data }: { readonly data: ArrayLike<number> }) => Float32Array.from(data)

describe.skipIf(!available)(`webgpu, seed ${seed}`, { timeout: 600_000 }, () => {
  test('a cache of f16 holds rounded rows, which attention reads and copies keep', async () => {
    await using device = await WebGpuDevice.open()
    using _scope = device.scope()
    for (const [tokens, before, headDim] of [
      [1, 700, 32],
      [5, 70, 32],
      [3, 20, 6],
    ]) {
      const size = { tokens, heads: 4, kvHeads: 2, headDim, before, spare: 3, mask: 'causal' } as const
      const { q, k, v, first, last, attributes } = drawAttention(new Draw(seed), size)
      const all = device.tensor(
        Int32Array.from({ length: k.shape[0] }, (_, row) => row),
        [k.shape[0]],
      )
      const fill = (values: Float32Array) =>
        writeRows(device.zeros(k.shape, 'f16'), device.tensor(values, k.shape), all)
      const [keys, values] = [fill(floats(k)), fill(floats(v))]
      const held = { k: await keys.read(), v: await values.read() }
      for (const [i, value] of held.k.entries())
        expect(Math.abs(value - k.data[i])).toBeLessThanOrEqual(Math.abs(k.data[i]) * 2 ** -10 + 1e-7)
      const range = (ids: { readonly data: ArrayLike<number> }) => device.tensor(Int32Array.from(ids.data), [tokens])
      const ranges = { first: range(first), last: range(last), ...attributes }
      const found = await attention(device.tensor(floats(q), q.shape), keys, values, ranges).read()
      const [expected] = attentionOp.reference(
        [q, { shape: k.shape, data: held.k }, { shape: v.shape, data: held.v }, first, last],
        attributes,
      )
      expect(relativeError(found, expected)).toBeLessThan(TOLERANCE)
      const copy = device.zeros([4, 2, headDim], 'f16')
      copyRows(copy, keys, { from: 2, to: 1, count: 2 })
      const width = 2 * headDim
      expect((await copy.read()).subarray(width, 3 * width)).toEqual(held.k.subarray(2 * width, 4 * width))
    }
    expect(() => device.zeros([3, 1, 5], 'f16')).toThrow(ShapeError)
  })

  test.each(['f32', 'f16', 'q8_0', 'q4_0'] as const)('a weight of %s that exceeds a binding', async dtype => {
    const limit = 2 ** 14
    await using device = await WebGpuDevice.open({ limit })
    using _scope = device.scope()
    const draw = new Draw(seed)
    const [out, columns] = [301, 64]
    const { upload, values } = encoded(dtype, floats(draw.normal(out, columns)))
    const weight = device.tensor(upload, [out, columns], dtype)
    expect(await weight.read()).toEqual(values)
    for (const rows of [1, 3, 12]) {
      const x = draw.normal(rows, columns)
      const residual = draw.normal(rows, out)
      const [expected] = linearOp.reference([x, { shape: [out, columns], data: values }], undefined)
      const input = device.tensor(floats(x), x.shape)
      expect(relativeError(await linear(input, weight).read(), expected, 8)).toBeLessThan(TOLERANCE)
      const added = await linearAdd(input, weight, device.tensor(floats(residual), residual.shape)).read()
      const sum = expected.map((value, i) => value + residual.data[i])
      expect(relativeError(added, sum, 8)).toBeLessThan(TOLERANCE)
    }
    const ids = Int32Array.of(300, 0, 150)
    const rows = await embedding(device.tensor(ids, [3]), weight).read()
    for (const [i, id] of ids.entries())
      expect(rows.subarray(64 * i, 64 * i + 64)).toEqual(values.subarray(64 * id, 64 * id + 64))
    expect(() => device.zeros([limit], 'f32')).toThrow(DeviceFailedError)
  })

  test.each(['q8_0', 'q4_0', 'q4_k', 'q6_k'] as const)(
    'the GPU packs blocks of %s, some megabytes at a time',
    async dtype => {
      await using device = await WebGpuDevice.open()
      using _scope = device.scope()
      const draw = new Draw(seed)
      const columns = 256
      const { blockBytes, blockElements } = dtypes[dtype]
      // Over 9 MB, and an odd number of blocks where 256 columns are one.
      const rows = 2 * Math.floor((9.5e6 * blockElements) / (columns * blockBytes) / 2) + 1
      const { data, values } = drawWeight(draw, dtype, rows, columns)
      const { written } = device.traffic
      const weight = device.tensor(data, [rows, columns], dtype)
      expect(device.traffic.written - written).toBeGreaterThanOrEqual(data.byteLength)
      const ids = Int32Array.from({ length: 500 }, (_, i) =>
        i < 4 ? [0, 1, rows - 2, rows - 1][i] : draw.integer(0, rows - 1),
      )
      const found = await embedding(device.tensor(ids, [ids.length]), weight).read()
      const expected = Float32Array.from(
        { length: found.length },
        (_, i) => values[ids[Math.floor(i / columns)] * columns + (i % columns)],
      )
      expect(relativeError(found, expected)).toBeLessThan(1e-6)
    },
  )

  test('a decode step: dispatches, submits and bytes; the same tokens as the kernels of gpu.js', async () => {
    const greedy = async (force?: 'kernels', cacheType: DType = 'f32') => {
      await using device = await WebGpuDevice.open({ force })
      using model = new TinyLlama(device, cacheType)
      const ids = [1]
      let step = { dispatches: 0, submits: 0, written: 0, read: 0 }
      for (let position = 0; position < 24; position++) {
        const before = { submits: device.submits, ...device.traffic }
        let next: Tensor | undefined
        const { dispatches } = device.record(() => {
          next = model.step(ids[position], position)
        })
        ids.push((await (next as Tensor).readIntegers())[0])
        next?.dispose()
        step = {
          dispatches: dispatches.length,
          submits: device.submits - before.submits,
          written: device.traffic.written - before.written,
          read: device.traffic.read - before.read,
        }
      }
      return { ids, step, buffers: device.buffers }
    }
    const shaders = await greedy()
    expect(shaders.step.dispatches).toBeLessThanOrEqual(8 * LAYERS + 4)
    expect(shaders.step.submits).toBe(1)
    expect(shaders.step.read).toBe(4)
    // The pass's numbers, and the parameters of each dispatch at a multiple of 256 bytes.
    expect(shaders.step.written).toBeLessThanOrEqual(5 * 256 + 256 * shaders.step.dispatches)
    expect(new Set(shaders.ids).size).toBeGreaterThan(4)
    const kernels = await greedy('kernels')
    expect(kernels.ids).toEqual(shaders.ids)
    expect(kernels.step.dispatches).toBeGreaterThan(16 * LAYERS)
    expect((await greedy(undefined, 'f16')).ids.slice(0, 8)).toEqual(shaders.ids.slice(0, 8))
  })
})

const encoded = (dtype: 'f32' | 'f16' | 'q8_0' | 'q4_0', source: Float32Array) => {
  if (dtype === 'f32') return { upload: source, values: source }
  const bytes = encode(dtype, source)
  const values = new Float32Array(source.length)
  decode(dtype, bytes, values)
  return { upload: dtype === 'f16' ? new Uint16Array(bytes.slice().buffer) : bytes, values }
}
