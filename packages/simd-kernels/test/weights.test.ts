import { afterAll, describe, expect, test } from 'vitest'
import { SimdArgumentError, type WeightData } from '../src'
import { quantisation } from '../src/weights'
import { engines, put, putIds, room, take } from './engines'
import { Random } from './random'
import * as reference from './reference'

const seed = Date.now() >>> 0
const opened = await engines()
afterAll(() => Promise.all(opened.map(engine => engine.close())))

/** A random weight, and what its elements are worth. Its f16 numbers are all kinds of finite ones; with odd `out`, the greatest too. */
const weight = (random: Random, dtype: WeightData['dtype'], out: number, columns: number) => {
  const greatest = out % 2 === 1 ? 0x7bff : 0x53ff
  const half = () => random.integer(0, random.integer(0, 1) ? greatest : 0x7ff) | (random.integer(0, 1) << 15)
  const size = { dtype, out, in: columns } as const
  if (dtype === 'f32') {
    const data = random.normal(out * columns, 0.1)
    return { weight: { ...size, data }, values: data }
  }
  if (dtype === 'f16') {
    const data = Uint16Array.from({ length: out * columns }, half)
    return { weight: { ...size, data }, values: Float64Array.from(data, reference.fromF16) }
  }
  const blockBytes = dtype === 'q8_0' ? 34 : 18
  const data = Uint8Array.from({ length: ((out * columns) / 32) * blockBytes }, () => random.integer(0, 255))
  for (let i = 0; i < data.length; i += blockBytes) {
    const scale = half()
    data.set([scale & 255, scale >> 8], i)
  }
  return { weight: { ...size, data }, values: (dtype === 'q8_0' ? reference.fromQ8 : reference.fromQ4)(data) }
}

describe.each(opened.map(engine => ({ build: engine.build, engine })))(`$build build, seed ${seed}`, ({ engine }) => {
  const random = new Random(seed)
  const tokenCounts = [1, 2, 3, 4, 5, 6, 11, 40]

  describe.each([
    [1, 1],
    [3, 5],
    [8, 32],
    [9, 33],
    [30, 100],
  ])('[%i, %i]', (out, columns) => {
    test.each(['f32', 'f16'] as const)('linear and embedding of %s', dtype => {
      const { weight: given, values } = weight(random, dtype, out, columns)
      const packed = engine.packWeight(given)
      for (const tokens of tokenCounts) {
        const x = random.normal(tokens * columns)
        const y = room(engine, tokens * out)
        engine.linear(put(engine, x), packed, y, tokens)
        const expected = reference.linear(x, values, tokens, out, columns)
        expect(reference.error(take(engine, y, tokens * out), expected)).toBeLessThan(2e-6)
      }
      const ids = [out - 1, 0, out >> 1]
      const rows = room(engine, ids.length * columns)
      engine.embedding(packed, putIds(engine, ids), rows, ids.length)
      const expected = ids.flatMap(id => Array.from(values.subarray(id * columns, (id + 1) * columns)))
      expect(Array.from(take(engine, rows, expected.length))).toEqual(expected)
    })
  })

  describe.each([
    [1, 32],
    [7, 64],
    [8, 96],
    [21, 320],
  ])('[%i, %i]', (out, columns) => {
    test.each(['q8_0', 'q4_0'] as const)('linear and embedding of %s', dtype => {
      const { weight: given, values } = weight(random, dtype, out, columns)
      const packed = engine.packWeight(given)
      const most = quantisation(dtype, engine.int8Dot).widen ? 32767 : 127
      for (const tokens of [...tokenCounts, columns === 96 ? 390 : 41]) {
        const x = random.normal(tokens * columns)
        const y = room(engine, tokens * out)
        engine.linear(put(engine, x), packed, y, tokens)
        const found = take(engine, y, tokens * out)
        // Exactly what the quantised activations give, but for the rounding of f32 sums ...
        const exact = reference.linear(reference.quantised(x, most), values, tokens, out, columns)
        expect(reference.error(found, exact)).toBeLessThan(3e-6)
        // ... and within half a step of each activation of what the activations themselves give.
        const ideal = reference.linear(x, values, tokens, out, columns)
        const margin = reference.linear(halfSteps(x, most), values.map(Math.abs), tokens, out, columns)
        const rounding = 1e-6 * reference.greatest(Float32Array.from(margin))
        const outside = found.findIndex((value, i) => {
          return !(Math.abs(value - ideal[i]) <= 1.0001 * margin[i] + 1e-5 * Math.abs(ideal[i]) + rounding)
        })
        expect(outside).toBe(-1)
      }
      const ids = [out - 1, 0, out >> 1]
      const rows = room(engine, ids.length * columns)
      engine.embedding(packed, putIds(engine, ids), rows, ids.length)
      const expected = ids.flatMap(id => Array.from(values.subarray(id * columns, (id + 1) * columns), Math.fround))
      expect(Array.from(take(engine, rows, expected.length))).toEqual(expected)
    })
  })

  test('the extremes of q8_0 and of the activations add up without overflow', () => {
    const columns = 4096
    const data = new Uint8Array((columns / 32) * 34)
    for (let block = 0; block < columns / 32; block++) {
      data.set([0x00, 0x3c], block * 34) // scale 1
      data.fill(0x80, block * 34 + 2, (block + 1) * 34) // -128
    }
    const packed = engine.packWeight({ dtype: 'q8_0', out: 1, in: columns, data })
    for (const [value, tokens] of [
      [127, 1],
      [-127, 1],
      [127, 4],
      [-127, 4],
    ]) {
      const y = room(engine, tokens)
      engine.linear(put(engine, new Float32Array(tokens * columns).fill(value)), packed, y, tokens)
      for (const sum of take(engine, y, tokens)) expect(sum / (-128 * value * columns)).toBeCloseTo(1, 6)
    }
  })

  test('what is not a weight is refused', () => {
    const data = new Uint8Array(34)
    expect(() => engine.packWeight({ dtype: 'q8_0', out: 1, in: 33, data })).toThrow(SimdArgumentError)
    expect(() => engine.packWeight({ dtype: 'q8_0', out: 2, in: 32, data })).toThrow('needs 68 entries, found 34')
    expect(() => engine.packWeight({ dtype: 'f32', out: 1, in: 34, data })).toThrow('is given as a Float32Array')
    expect(() => engine.packWeight({ dtype: 'q4_0', out: 0, in: 32, data })).toThrow('whole, positive sizes')
    expect(() => engine.packWeight({ dtype: 'f16', out: 1, in: 1, data: Uint16Array.of(0xfc00) })).toThrow('infinities')
    expect(() => engine.packWeight({ dtype: 'q8_0', out: 1, in: 32, data: data.fill(0xff) })).toThrow('infinite or NaN')
  })
})

/** How far rounding to integers up to `most` in blocks of 32 may move each number. */
const halfSteps = (x: Float32Array, most: number): Float64Array =>
  Float64Array.from(x, (_, i) => (0.5 * reference.greatest(x.subarray(i - (i % 32), i - (i % 32) + 32))) / most)
