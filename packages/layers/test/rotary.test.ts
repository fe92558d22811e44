import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ConfigError, RotaryEmbedding, type RotaryOptions } from '../src'
import { device, numbers } from './device'

/** Rotates one head's rows [N][headDim] at `position` and the positions after it. */
const turn = async (rotary: RotaryEmbedding, rows: readonly (readonly number[])[], position: number, length = 0) => {
  using _scope = device.scope()
  const positions = Int32Array.from(rows, (_, t) => position + t)
  const angles = rotary.angles(
    device,
    positions,
    positions.map(() => length),
  )
  const x = device.tensor(rows.flat(), [rows.length, 1, rotary.headDim])
  const y = rotary.forward(x, angles, device.tensor(angles.rows, [rows.length]))
  const data = await y.read()
  angles.dispose()
  return rows.map((_, t) => [...data.subarray(t * rotary.headDim, (t + 1) * rotary.headDim)])
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0)
const closeTo = (expected: readonly number[], digits: number) => expected.map(value => expect.closeTo(value, digits))

const q = numbers(8, 3)
const k = numbers(8, 4)

test('pair i of a head is rotated by position · theta^(-2i/headDim)', async () => {
  const [turned] = await turn(new RotaryEmbedding(8), [q], 5)
  const expected = [0, 1, 2, 3].flatMap(i => {
    const angle = 5 * 10000 ** (-i / 4)
    const [first, second] = [q[2 * i], q[2 * i + 1]]
    return [first * Math.cos(angle) - second * Math.sin(angle), first * Math.sin(angle) + second * Math.cos(angle)]
  })
  expect(turned).toEqual(closeTo(expected, 6))
})

describe.each<RotaryOptions>([
  { pairing: 'interleaved' },
  { pairing: 'halves' },
  { theta: 500 },
  { scaling: { type: 'linear', factor: 4 } },
])('%o', options => {
  const rotary = new RotaryEmbedding(8, options)
  const product = async (m: number, n: number) => dot((await turn(rotary, [q], m))[0], (await turn(rotary, [k], n))[0])

  test('the product of a query and a key depends on their distance alone', async () => {
    const near = await product(7, 3)
    expect(await product(104, 100)).toBeCloseTo(near, 4)
    expect(await product(4, 0)).toBeCloseTo(near, 5)
    expect(await product(8, 3)).not.toBeCloseTo(near, 2)
  })

  test('position 0 rotates nothing, and no position changes a length', async () => {
    expect((await turn(rotary, [q], 0))[0]).toEqual(q)
    const [turned] = await turn(rotary, [q], 1000)
    expect(dot(turned, turned)).toBeCloseTo(dot(q, q), 4)
  })

  test('a row of a chunk is rotated as it would be alone', async () => {
    const together = await turn(rotary, [q, k, q], 9)
    expect(together[1]).toEqual((await turn(rotary, [k], 10))[0])
    expect(together[2]).toEqual((await turn(rotary, [q], 11))[0])
  })
})

test('the pairings are one computation under a permutation of the head', async () => {
  const toHalves = (row: readonly number[]) => [0, 2, 4, 6, 1, 3, 5, 7].map(i => row[i])
  const [interleaved] = await turn(new RotaryEmbedding(8, { pairing: 'interleaved' }), [q], 17)
  const [halves] = await turn(new RotaryEmbedding(8, { pairing: 'halves' }), [toHalves(q)], 17)
  expect(halves).toEqual(closeTo(toHalves(interleaved), 6))
})

// Frequencies by transformers, in float32: see tooling/referee/models.
describe('scaling', () => {
  interface Case {
    readonly headDim: number
    readonly theta: number
    readonly scaling: NonNullable<RotaryOptions['scaling']>
    readonly length: number
    readonly amplitude: number
    readonly frequencies: readonly number[]
  }
  const cases: readonly Case[] = JSON.parse(readFileSync(new URL('./fixtures/rotary.json', import.meta.url), 'utf8'))

  test.each(cases)('$scaling of $headDim at $length is as transformers has it', c => {
    const rotary = new RotaryEmbedding(c.headDim, c)
    const found = rotary.frequencies(c.length)
    expect(found).toHaveLength(c.frequencies.length)
    const error = Math.max(...c.frequencies.map((value, i) => Math.abs(found[i] / value - 1)))
    expect(error).toBeLessThan(1e-5)
  })

  test.each(cases)('$scaling of $headDim multiplies rotated values by its amplitude', async c => {
    const rotary = new RotaryEmbedding(c.headDim, c)
    const head = numbers(c.headDim)
    const [turned] = await turn(rotary, [head], 0)
    expect(turned).toEqual(
      closeTo(
        head.map(value => value * c.amplitude),
        5,
      ),
    )
  })

  test('dynamic scaling rotates each token for the length of its sequence, however tokens are cut into passes', async () => {
    const scaling = { type: 'dynamic', factor: 4, original_max_seq_len: 8 } as const
    const rotary = new RotaryEmbedding(8, { scaling })
    const together = await turn(rotary, [q, k, q], 20, 23)
    expect((await turn(rotary, [k], 21, 23))[0]).toEqual(together[1])
    expect((await turn(rotary, [k], 21, 40))[0]).not.toEqual(together[1])
    expect(await turn(rotary, [q], 5, 8)).toEqual(await turn(new RotaryEmbedding(8), [q], 5))
  })

  test('dynamic scaling rotates a short sequence beside a long one as it would be alone', async () => {
    using _scope = device.scope()
    const scaling = { type: 'dynamic', factor: 4, original_max_seq_len: 8 } as const
    const rotary = new RotaryEmbedding(8, { scaling })
    const angles = rotary.angles(device, Int32Array.of(20, 5), Int32Array.of(40, 8))
    const x = device.tensor([...q, ...k], [2, 1, 8])
    const y = await rotary.forward(x, angles, device.tensor(angles.rows, [2])).read()
    expect([...y.subarray(0, 8)]).toEqual((await turn(rotary, [q], 20, 40))[0])
    expect([...y.subarray(8)]).toEqual((await turn(rotary, [k], 5, 8))[0])
  })

  test('dynamic scaling turns a token by its position times the frequencies of its length', async () => {
    const rotary = new RotaryEmbedding(8, { scaling: { type: 'dynamic', factor: 4, original_max_seq_len: 8 } })
    const frequencies = rotary.frequencies(40)
    const [turned] = await turn(rotary, [q], 20, 40)
    const expected = [0, 1, 2, 3].flatMap(i => {
      const [cosine, sine] = [Math.cos(20 * frequencies[i]), Math.sin(20 * frequencies[i])]
      const [first, second] = [q[2 * i], q[2 * i + 1]]
      return [first * cosine - second * sine, first * sine + second * cosine]
    })
    expect(turned).toEqual(closeTo(expected, 5))
  })

  test('dynamic scaling keeps one table for all sequences within the original context', () => {
    using rotary = new RotaryEmbedding(8, { scaling: { type: 'dynamic', factor: 4, original_max_seq_len: 8 } })
    const tableOf = (position: number, length: number) =>
      rotary.angles(device, Int32Array.of(position), Int32Array.of(length)).cosines
    expect(tableOf(7, 8)).toBe(tableOf(3, 5))
  })

  test('dynamic scaling frees the tables of a pass', () => {
    const scaling = { type: 'dynamic', factor: 4, original_max_seq_len: 8 } as const
    const before = device.memory.allocations
    const angles = new RotaryEmbedding(8, { scaling }).angles(device, Int32Array.of(20), Int32Array.of(21))
    expect(device.memory.allocations).toBe(before + 2)
    angles.dispose()
    expect(device.memory.allocations).toBe(before)
  })

  test('dynamic scaling begins beyond the original context', () => {
    const scaling = { type: 'dynamic', factor: 2, original_max_seq_len: 64 } as const
    const rotary = new RotaryEmbedding(16, { scaling })
    const plain = new RotaryEmbedding(16)
    expect(rotary.frequencies(64)).toEqual(plain.frequencies(64))
    expect(rotary.frequencies(65)[7]).toBeLessThan(plain.frequencies(65)[7])
  })
})

// As Meta's own code has it, by wavelengths (llama-models, apply_scaling): the interpolation is of their inverse.
test.each([
  { theta: 500_000, factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_seq_len: 8192 },
  { theta: 10_000, factor: 32, low_freq_factor: 2, high_freq_factor: 9, original_max_seq_len: 100 },
])('scaling of Llama 3.1 divides slow pairs, keeps fast ones and blends those between: %o', ({ theta, ...scaling }) => {
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_seq_len: context } = scaling
  const kinds = new Set<string>()
  const expected = Array.from({ length: 32 }, (_, i) => {
    const frequency = theta ** (-i / 32)
    const wavelength = (2 * Math.PI) / frequency
    const kind = wavelength < context / high ? 'fast' : wavelength > context / low ? 'slow' : 'between'
    kinds.add(kind)
    if (kind === 'fast') return frequency
    if (kind === 'slow') return frequency / factor
    const smooth = (context / wavelength - low) / (high - low)
    return ((1 - smooth) * frequency) / factor + smooth * frequency
  })
  expect(kinds.size).toBe(3)
  const found = new RotaryEmbedding(64, { theta, scaling: { type: 'llama3', ...scaling } }).frequencies(0)
  for (const [i, value] of expected.entries()) expect(found[i] / value).toBeCloseTo(1, 12)
})

test('YaRN blends pairs up to the head dim at most, as transformers does', () => {
  const scaling = { type: 'yarn', factor: 4, original_max_seq_len: 4096, attention_factor: 1 } as const
  // Fast enough pairs would be the first one alone, and slow enough ones those from 12 on.
  const rotary = new RotaryEmbedding(8, { theta: 10, scaling: { ...scaling, beta_fast: 400, beta_slow: 1 } })
  for (const [i, value] of rotary.frequencies(0).entries()) {
    const frequency = 10 ** (-i / 4)
    expect(value).toBeCloseTo((frequency / 4) * (i / 7) + frequency * (1 - i / 7), 12)
  }
})

test('tables stay on the device, grow, and go with the embedding', async () => {
  const rotary = new RotaryEmbedding(8)
  const before = device.memory.allocations
  await turn(rotary, [q], 3)
  await turn(rotary, [q], 200)
  expect(device.memory.allocations).toBe(before + 2)
  await turn(rotary, [q], 5000)
  expect(device.memory.allocations).toBe(before + 2)
  rotary.dispose()
  expect(device.memory.allocations).toBe(before)
})

test('a table holds the last position and is made once, for positions in any order', async () => {
  using rotary = new RotaryEmbedding(8)
  const [first] = await turn(rotary, [q], 255)
  const { cosines } = rotary.angles(device, Int32Array.of(255, 0), new Int32Array(2))
  expect(cosines.shape).toEqual([256, 4])
  expect(rotary.angles(device, Int32Array.of(3, 255), new Int32Array(2)).cosines).toBe(cosines)
  expect(rotary.angles(device, Int32Array.of(256, 0), new Int32Array(2)).cosines.shape).toEqual([512, 4])
  expect((await turn(rotary, [q], 255))[0]).toEqual(first)
})

test('heads of an odd size are refused', () => {
  expect(() => new RotaryEmbedding(5)).toThrow(ConfigError)
  expect(() => new RotaryEmbedding(5)).toThrow('heads of 5 do not form rotary pairs')
})
