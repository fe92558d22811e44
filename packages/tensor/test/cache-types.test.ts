import { afterAll, describe, expect, test } from 'vitest'
import { attention, copyRows, openDevice, type Tensor, writeRows } from '../src'
import { attentionOp } from '../src/ops/attention'
import { Draw } from './cases'
import { drawAttention } from './cases/attention'
import { relativeError } from './cases/check'

// Keys and values in the types that a device's cache can have, against attention over what the cache gives back.

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 32)
const device = await openDevice('simd')
afterAll(() => device.close())

const size = { tokens: 5, heads: 4, kvHeads: 2, headDim: 32, before: 70, spare: 3, mask: 'causal' } as const
/** How far a number may be from what it was, relative to the largest of its block. */
const roundings = { f32: 0, f16: 2 ** -11, q8_0: 1 / 254 } as const

describe.each(['f32', 'f16', 'q8_0'] as const)(`a cache of %s, seed ${seed}`, dtype => {
  test('holds rows as its type rounds them, and attention reads them so', async () => {
    using _scope = device.scope()
    const { q, k, v, first, last, attributes } = drawAttention(new Draw(seed), size)
    const [rows] = k.shape
    const fill = (values: ArrayLike<number>): Tensor => {
      const cache = device.zeros(k.shape, dtype)
      const all = device.tensor(
        Int32Array.from({ length: rows }, (_, row) => rows - 1 - row),
        [rows],
      )
      const source = Float32Array.from(values)
      const width = source.length / rows
      const reversed = source.map((_, i) => source[(rows - 1 - Math.floor(i / width)) * width + (i % width)])
      return writeRows(cache, device.tensor(reversed, k.shape), all)
    }
    const [keys, values] = [fill(k.data), fill(v.data)]
    const held = await keys.read()
    const largest = Math.max(...Array.from(k.data, Math.abs))
    for (const [i, value] of held.entries()) {
      const bound = dtype === 'f16' ? Math.abs(k.data[i]) * roundings.f16 + 1e-7 : largest * roundings[dtype]
      expect(Math.abs(value - k.data[i])).toBeLessThanOrEqual(bound)
    }
    const upload = ({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }) =>
      device.tensor(data as Float32Array, shape)
    const ranges = {
      first: device.tensor(first.data as Int32Array, first.shape),
      last: device.tensor(last.data as Int32Array, last.shape),
      ...attributes,
    }
    const found = await attention(upload(q), keys, values, ranges).read()
    const read = [
      { shape: k.shape, data: held },
      { shape: v.shape, data: await values.read() },
    ]
    const [expected] = attentionOp.reference([q, ...read, first, last], attributes)
    expect(relativeError(found, expected)).toBeLessThan(dtype === 'q8_0' ? 2e-5 : 1e-5)
  })

  test('copies rows to another cache and within itself', async () => {
    using _scope = device.scope()
    const shape = [9, 1, 32]
    const [small, large] = [device.zeros(shape, dtype), device.zeros([20, 1, 32], dtype)]
    const ones = device.tensor(new Float32Array(32).fill(3), [1, 1, 32])
    writeRows(small, ones, device.tensor(Int32Array.of(7), [1]))
    copyRows(large, small, { from: 6, to: 1, count: 3 })
    copyRows(large, large, { from: 1, to: 15, count: 3 })
    const values = await large.read()
    const rows = Array.from({ length: 20 }, (_, row) => Math.round(values[32 * row + 5]))
    expect(rows.flatMap((value, row) => (value === 3 ? [row] : []))).toEqual([2, 16])
  })
})
