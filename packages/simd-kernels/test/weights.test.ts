import { byteLength, dtypes } from '@cria/dtypes'
import { afterAll, describe, expect, test } from 'vitest'
import { SimdArgumentError, SimdMemoryError, type WeightType, weightTypes } from '../src'
import { isQuantised, quantisation } from '../src/weights'
import { engines, put, putIds, room, take } from './engines'
import { Random } from './random'
import * as reference from './reference'
import { numbersOf, randomWeight, scaleOffsets, setScales, subBlock } from './weight-data'

const seed = Number(process.env.CRIA_SEED ?? Date.now() >>> 0)
const opened = await engines()
afterAll(() => Promise.all(opened.map(engine => engine.close())))

describe.each(opened.map(engine => ({ build: engine.build, engine })))(`$build build, seed ${seed}`, ({ engine }) => {
  const random = new Random(seed)
  const greatestInteger = (dtype: WeightType) => (quantisation(dtype, engine.int8Dot).widen ? 32767 : 127)

  /**
   * Expects that linear gives the float64 product of the quantised activations and the dequantised weights, except for the
   * rounding of f32 sums, and the product of the activations themselves within half a quantisation step of each.
   */
  const expectLinear = (dtype: WeightType, x: Float32Array, values: Float64Array, found: Float32Array, out: number) => {
    const columns = values.length / out
    const tokens = x.length / columns
    const ideal = reference.linear(x, values, tokens, out, columns)
    if (!isQuantised(dtype)) {
      const sizes = reference.linear(x.map(Math.abs), values.map(Math.abs), tokens, out, columns)
      const bound = sizes.map(size => (columns + 1) * 2 ** -24 * size)
      expect(reference.beyond(found, ideal, bound)).toBe(-1)
      return
    }
    const most = greatestInteger(dtype)
    const rounded = reference.quantised(x, most, subBlock(dtype))
    const exact = reference.linear(rounded, values, tokens, out, columns)
    // One rounding for each block that is added up, and as many for minima, relative to what is summed up: minima are subtracted
    // from products that may be as large.
    const roundings = ((hasMinima(dtype) ? 2 : 1) * columns) / subBlock(dtype) + 4
    const rounding = summed(dtype, rounded, values, tokens, out).map(size => roundings * 2 ** -24 * size)
    expect(reference.beyond(found, exact, rounding)).toBe(-1)
    const margins = reference.linear(halfSteps(x, most, subBlock(dtype)), values.map(Math.abs), tokens, out, columns)
    const bound = margins.map((margin, i) => 1.0001 * margin + 2 * rounding[i])
    expect(reference.beyond(found, ideal, bound)).toBe(-1)
  }

  describe.each([
    [1, 1],
    [3, 5],
    [9, 33],
    [30, 100],
    [40, 1100],
  ])('[%i, %i]', (out, columns) => {
    test.each(['f32', 'f16', 'bf16'] as const)('linear and embedding of %s', dtype => {
      const { weight, values } = randomWeight(random, dtype, out, columns, out % 2 === 1 ? 0x7bff : 0x53ff)
      const packed = engine.packWeight(weight)
      for (const tokens of [1, 2, 3, 5, 6, 11]) {
        const x = random.normal(tokens * columns)
        const y = room(engine, tokens * out)
        engine.linear(put(engine, x), packed, y, tokens)
        expectLinear(dtype, x, values, take(engine, y, tokens * out), out)
      }
      expectEmbedding(packed, values)
    })
  })

  const expectEmbedding = (packed: ReturnType<typeof engine.packWeight>, values: Float64Array) => {
    const { out, in: columns } = packed
    const ids = [out - 1, 0, out >> 1]
    const rows = room(engine, ids.length * columns)
    engine.embedding(packed, putIds(engine, ids), rows, ids.length)
    const expected = ids.flatMap(id => Array.from(values.subarray(id * columns, (id + 1) * columns)))
    expect(Array.from(take(engine, rows, expected.length))).toEqual(expected)
  }

  const quantised = weightTypes.filter(isQuantised)
  describe.each(quantised)('%s', dtype => {
    const block = dtypes[dtype].blockElements
    const shapes = [
      [1, block],
      [7, 2 * block],
      [8, 3 * block],
      [21, 5 * 256],
    ]
    test.each(shapes)('linear and embedding of [%i, %i]', (out, columns) => {
      const { weight, values } = randomWeight(random, dtype, out, columns, out % 2 === 1 ? 0x7bff : 0x53ff)
      const packed = engine.packWeight(weight)
      for (const tokens of columns === 3 * block ? [390] : [1, 2, 3, 4, 6, 11]) {
        const x = random.normal(tokens * columns)
        const y = room(engine, tokens * out)
        engine.linear(put(engine, x), packed, y, tokens)
        expectLinear(dtype, x, values, take(engine, y, tokens * out), out)
        engine.free(y)
      }
      expectEmbedding(packed, values)
      engine.free(packed.pointer)
    })

    test('the extremes of values, scales and activations add up without overflow', () => {
      const columns = 2048
      for (const fill of [0x00, 0xff, 0x7f])
        for (const scale of [0, 0x0001, 0x7bff, 0xfbff]) {
          const data = new Uint8Array(byteLength(dtype, columns)).fill(fill)
          setScales(dtype, data, () => scale)
          const values = numbersOf(dtype, data, columns)
          const packed = engine.packWeight({ dtype, out: 1, in: columns, data })
          for (const tokens of [1, 2, 4]) {
            const x = new Float32Array(tokens * columns).fill(tokens === 2 ? -127 : 127)
            const y = room(engine, tokens)
            engine.linear(put(engine, x), packed, y, tokens)
            expectLinear(dtype, x, values, take(engine, y, tokens), 1)
          }
          engine.free(packed.pointer)
        }
    })

    test('NaN among the activations of a row makes that row NaN', () => {
      const { weight } = randomWeight(random, dtype, 9, 512)
      const packed = engine.packWeight(weight)
      for (const rows of [1, 4]) {
        const x = random.normal(rows * 512)
        x[510] = Number.NaN
        const y = room(engine, rows * 9)
        engine.linear(put(engine, x), packed, y, rows)
        const nans = Array.from(take(engine, y, rows * 9), Number.isNaN)
        expect(nans).toEqual(nans.map((_, i) => i < 9))
      }
    })

    test('a scale that is infinite or NaN is refused', () => {
      const [out, columns] = [9, 2 * block]
      const { weight } = randomWeight(random, dtype, out, columns)
      for (const bits of [0x7c00, 0xfc00, 0x7e00])
        for (const at of scaleOffsets(dtype)) {
          const bad = weight.data.slice()
          bad.set([bits & 255, bits >> 8], bad.length - dtypes[dtype].blockBytes + at)
          const used = engine.usedBytes
          expect(() => engine.packWeight({ ...weight, data: bad })).toThrow(SimdArgumentError)
          expect(() => engine.packWeight({ ...weight, data: bad })).toThrow(
            'a scale that is infinite or NaN, in rows 0 to 8',
          )
          expect(engine.usedBytes).toBe(used)
        }
    })
  })

  test.each(weightTypes)('%s takes at most 110%% of the bytes in a file', dtype => {
    const [out, columns] = [576, 1536]
    const packed = engine.weight(dtype, out, columns)
    expect(packed.bytes).toBeLessThanOrEqual(1.1 * out * byteLength(dtype, columns))
    engine.free(packed.pointer)
  })

  test.each(weightTypes)('%s packed in pieces is the same as packed at once', dtype => {
    const [out, columns] = [45, 512]
    const { weight } = randomWeight(random, dtype, out, columns)
    const whole = engine.packWeight(weight)
    const pieces = engine.weight(dtype, out, columns)
    const rowBytes = weight.data.length / out
    const rows = (from: number, to: number) => weight.data.subarray(from * rowBytes, to * rowBytes)
    engine.pack(pieces, 32, rows(32, 45))
    engine.pack(pieces, 0, rows(0, 8))
    const placed = engine.alloc(24 * rowBytes)
    engine.u8(placed, 24 * rowBytes).set(rows(8, 32))
    engine.packAt(pieces, 8, placed, 24)
    expect(pieces.bytes).toBe(whole.bytes)
    const [found, expected] = [pieces, whole].map(({ pointer, bytes }) => engine.u8(pointer, bytes))
    expect(Buffer.compare(found, expected)).toBe(0)
  })

  test('what is not a piece of a weight is refused', () => {
    const weight = engine.weight('q8_0', 20, 32)
    const bytes = new Uint8Array(34 * 8)
    expect(() => engine.pack(weight, 4, bytes)).toThrow(SimdArgumentError)
    expect(() => engine.pack(weight, 4, bytes)).toThrow('in pieces of a multiple of 8 rows, not rows 4 to 11')
    expect(() => engine.pack(weight, 0, bytes.subarray(34))).toThrow('not rows 0 to 6')
    expect(() => engine.pack(weight, 0, bytes.subarray(1))).toThrow('packed by whole rows')
    expect(() => engine.pack(weight, 16, bytes)).toThrow('has no rows 16 to 23')
    expect(() => engine.pack(weight, -8, bytes)).toThrow('has no rows -8 to -1')
    engine.pack(weight, 16, bytes.subarray(34 * 4))
  })

  test('what is not a weight is refused', () => {
    const data = new Uint8Array(34)
    expect(() => engine.packWeight({ dtype: 'q8_0', out: 1, in: 33, data })).toThrow('whole blocks of 32')
    expect(() => engine.packWeight({ dtype: 'q4_k', out: 1, in: 32, data })).toThrow('whole blocks of 256')
    expect(() => engine.packWeight({ dtype: 'q8_0', out: 2, in: 32, data })).toThrow('needs 68 bytes, found 34')
    expect(() => engine.packWeight({ dtype: 'q4_0', out: 0, in: 32, data })).toThrow(SimdArgumentError)
    expect(() => engine.packWeight({ dtype: 'q4_0', out: 1.5, in: 32, data })).toThrow('whole, positive numbers')
    expect(() => engine.packWeight({ dtype: 'i32' as 'f32', out: 1, in: 1, data })).toThrow(
      'its type is not one of f32',
    )
    expect(() => engine.packWeight({ dtype: 'f16', out: 1, in: 1, data: Uint16Array.of(0xfc00) })).toThrow('infinities')
    expect(() => engine.weight('f32', 2 ** 30, 2 ** 30)).toThrow(SimdMemoryError)
  })

  test('f32 rows that are not packed are a weight as well', () => {
    const [out, columns, tokens] = [20, 30, 3]
    const { values, weight } = randomWeight(random, 'f32', out, columns)
    const rows = new Float32Array(weight.data.buffer)
    const plain = {
      dtype: 'f32',
      out,
      in: columns,
      pointer: put(engine, rows),
      bytes: rows.byteLength,
      packed: false,
    } as const
    const x = random.normal(tokens * columns)
    const [first, second] = [room(engine, tokens * out), room(engine, tokens * out)]
    engine.linear(put(engine, x), plain, first, tokens)
    engine.linear(put(engine, x), engine.packWeight(weight), second, tokens)
    expect(take(engine, first, tokens * out)).toEqual(take(engine, second, tokens * out))
    expectEmbedding(plain, values)
    expect(() => engine.pack(plain, 0, weight.data)).toThrow('is not packed')
  })

  /** Σ |x · scale · value| + |x · minimum|: what is summed up, where it is more than the products of the numbers. */
  const summed = (dtype: WeightType, x: Float64Array, values: Float64Array, tokens: number, out: number) => {
    const columns = values.length / out
    const step = subBlock(dtype)
    const bounds = values.map((_, i) => {
      const block = values.subarray(i - (i % step), i - (i % step) + step)
      return hasMinima(dtype) ? 4 * Math.max(...block.map(Math.abs)) : Math.abs(values[i])
    })
    return reference.linear(x.map(Math.abs), bounds, tokens, out, columns)
  }
})

const hasMinima = (dtype: WeightType) => ['q4_1', 'q5_1', 'q2_k', 'q4_k', 'q5_k'].includes(dtype)

/** How much rounding to integers up to `most` in blocks may change each number. */
const halfSteps = (x: Float32Array, most: number, block: number): Float64Array =>
  Float64Array.from(
    x,
    (_, i) => (0.5 * reference.greatest(x.subarray(i - (i % block), i - (i % block) + block))) / most,
  )
