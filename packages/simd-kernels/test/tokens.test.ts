import { afterAll, describe, expect, test } from 'vitest'
import { cacheRowBytes, SimdRangeError } from '../src'
import { engines, put, putIds, room, take } from './engines'
import { Random } from './random'
import * as reference from './reference'

const seed = Number(process.env.CRIA_SEED ?? Date.now() >>> 0)
const opened = await engines()
afterAll(() => Promise.all(opened.map(engine => engine.close())))

/** The f16 number nearest to x, ties to even. */
const nearestF16 = (x: number): number => {
  const power = Math.max(-14, Math.floor(Math.log2(Math.abs(x))))
  const unit = 2 ** (power - 10)
  const [low, high] = [Math.floor(x / unit), Math.ceil(x / unit)]
  if (x / unit - low === high - x / unit) return (low % 2 === 0 ? low : high) * unit
  return Math.round(x / unit) * unit
}

describe.each(opened.map(engine => ({ build: engine.build, engine })))(`$build build, seed ${seed}`, ({ engine }) => {
  const random = new Random(seed)
  const sizes = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33, 63, 64, 65, 100, 257]
  const functions = {
    relu: (x: number) => Math.max(x, 0),
    gelu: (x: number) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  }

  test.each(sizes)('mul, scale, relu and gelu of %i, into another place and in place', count => {
    const [a, b] = [random.normal(count, 3), random.normal(count)]
    const [pa, pb, out] = [put(engine, a), put(engine, b), room(engine, count)]
    engine.mul(pa, pb, out, count)
    expect(Array.from(take(engine, out, count))).toEqual(Array.from(a, (value, i) => Math.fround(value * b[i])))
    engine.mul(out, pb, out, count)
    const twice = Array.from(a, (value, i) => Math.fround(Math.fround(value * b[i]) * b[i]))
    expect(Array.from(take(engine, out, count))).toEqual(twice)
    engine.scale(pa, -2.5, out, count)
    engine.scale(out, -2.5, out, count)
    expect(Array.from(take(engine, out, count))).toEqual(
      Array.from(a, value => Math.fround(Math.fround(value * -2.5) * -2.5)),
    )
    for (const name of ['relu', 'gelu'] as const) {
      engine[name](pa, out, count)
      expect(reference.error(take(engine, out, count), Float64Array.from(a, functions[name]))).toBeLessThan(1e-6)
      engine[name](out, out, count)
      const again = Float64Array.from(a, value => functions[name](functions[name](value)))
      expect(reference.error(take(engine, out, count), again)).toBeLessThan(1e-6)
    }
  })

  test('the exponential is right to 2e-7 of its value', () => {
    const x = [0, ...Array.from({ length: 4000 }, (_, i) => Math.fround(-70 * random.next() ** (1 + (i % 4))))]
    const out = room(engine, x.length)
    engine.softmax(put(engine, x), out, 1, x.length)
    const found = take(engine, out, x.length)
    // A weight is a power times the reciprocal of the sum: one rounding more, in the first weight too.
    x.forEach((value, i) => {
      expect(Math.abs(found[i] / found[0] / Math.exp(value) - 1)).toBeLessThan(2e-7 + 2 ** -23)
    })
  })

  test('relu and gelu at the ends of f32', () => {
    const x = [-3e38, -30, -6, -1e-20, 0, 1e-20, 6, 30, 3e38]
    const [px, out] = [put(engine, x), room(engine, x.length)]
    engine.gelu(px, out, x.length)
    const found = Array.from(take(engine, out, x.length))
    found.forEach((value, i) => {
      const expected = i === 0 ? 0 : functions.gelu(Math.fround(x[i]))
      expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected) + 2e-7)
    })
    engine.relu(put(engine, [Number.NaN, -1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 2]), out, 5)
    expect(Array.from(engine.f32(out, 5))).toEqual([Number.NaN, 0, 0, Number.POSITIVE_INFINITY, 2])
  })

  test('siluMul at the ends of f32', () => {
    const a = [-3e38, -1e30, -200, -90, -0, 0, 90, 200, 1e30]
    const [pa, pb, out] = [put(engine, a), put(engine, new Array(a.length).fill(1)), room(engine, a.length)]
    engine.siluMul(pa, pb, out, a.length)
    take(engine, out, a.length).forEach((value, i) => {
      const expected = a[i] / (1 + Math.exp(-a[i]))
      expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected) + 1e-35)
    })
  })

  test.each([2, 4, 6, 8, 10, 14, 64, 66])('rope of heads of %i', headDim => {
    const [heads, half, longest] = [2, headDim / 2, 9]
    const positions = [3, 0, 8, 8, 1, 2]
    const x = random.normal(positions.length * heads * headDim)
    const angles = Float64Array.from({ length: longest * half }, () => 100 * random.next())
    const [cosines, sines] = [Math.cos, Math.sin].map(f => put(engine, Float32Array.from(angles, f)))
    const [px, ids, out] = [put(engine, x), putIds(engine, positions), room(engine, x.length)]
    for (const pairing of ['interleaved', 'halves'] as const) {
      const size = { rows: positions.length, heads, headDim, pairing }
      const expected = new Float64Array(x.length)
      for (let base = 0; base < x.length; base += headDim)
        for (let pair = 0; pair < half; pair++) {
          const angle = angles[positions[Math.floor(base / (heads * headDim))] * half + pair]
          const [i, j] = pairing === 'halves' ? [pair, pair + half] : [2 * pair, 2 * pair + 1]
          expected[base + i] = x[base + i] * Math.cos(angle) - x[base + j] * Math.sin(angle)
          expected[base + j] = x[base + i] * Math.sin(angle) + x[base + j] * Math.cos(angle)
        }
      engine.rope(px, cosines, sines, ids, out, size)
      expect(reference.error(take(engine, out, x.length), expected)).toBeLessThan(1e-6)
      engine.rope(out, cosines, sines, ids, out, { ...size, inverse: true })
      expect(reference.error(take(engine, out, x.length), x)).toBeLessThan(1e-6)
    }
    const odd = { rows: 1, heads: 1, headDim: headDim - 1, pairing: 'halves' } as const
    expect(() => engine.rope(px, cosines, sines, ids, out, odd)).toThrow('headDim is even')
  })

  test.each(sizes)('argMax of rows of %i', columns => {
    const best = random.integer(0, columns - 1)
    const lower = () => random.normal(columns).map(value => -Math.abs(value))
    const rows = Array.from({ length: 5 }, lower)
    rows[0][best] = 100
    rows[0][columns - 1] = 100 // of equals the first
    rows[1][best] = Number.NaN
    rows[2][best] = Number.POSITIVE_INFINITY
    rows[3].fill(Number.NEGATIVE_INFINITY)
    rows[4].fill(Number.NEGATIVE_INFINITY)[best] = -5
    const [x, out] = [
      put(
        engine,
        rows.flatMap(row => [...row]),
      ),
      putIds(engine, new Array(6).fill(77)),
    ]
    engine.argMax(x, 5, columns, columns, out)
    expect(Array.from(engine.i32(out, 6))).toEqual([best, -1, -1, -1, best, 77])
    engine.argMax(x, 3, columns, best + 1, out)
    expect(Array.from(engine.i32(out, 3))).toEqual([best, -1, -1])
    if (best === 0) return
    engine.argMax(x, 3, columns, best, out)
    for (const [r, found] of engine.i32(out, 3).entries()) {
      const seen = Array.from(rows[r].subarray(0, best))
      expect(found).toBe(seen.indexOf(Math.max(...seen)))
    }
  })

  test('gatherRows and copy', () => {
    const x = random.normal(7 * 5)
    const px = put(engine, x)
    const ids = [6, 0, 0, 3]
    const out = room(engine, 120)
    engine.gatherRows(px, putIds(engine, ids), out, { rows: 4, width: 5 })
    expect(Array.from(engine.f32(out, 20))).toEqual(ids.flatMap(id => [...x.subarray(5 * id, 5 * id + 5)]))
    const shape = [2, 3, 4, 5]
    const cube = random.normal(120)
    engine.copy(put(engine, cube), out, [5, 2, 4, 3], [1, 60, 5, 20])
    const expected: number[] = []
    for (let d = 0; d < shape[3]; d++)
      for (let a = 0; a < shape[0]; a++)
        for (let c = 0; c < shape[2]; c++)
          for (let b = 0; b < shape[1]; b++) expected.push(cube[((a * shape[1] + b) * shape[2] + c) * shape[3] + d])
    expect(Array.from(take(engine, out, 120))).toEqual(expected)
    engine.copy(px + 4, out, [3, 2], [5, 1])
    expect(Array.from(engine.f32(out, 6))).toEqual([0, 1, 2].flatMap(row => [x[5 * row + 1], x[5 * row + 2]]))
    expect(() => engine.copy(px, out, [1, 1, 1, 1, 1], [1, 1, 1, 1, 1])).toThrow('up to 4 extents')
  })

  test('rows of an f16 cache are rounded to the nearest, ties to even', () => {
    const edges = [
      0,
      -0,
      1,
      -2.5,
      65504,
      -65519,
      2 ** -24,
      2 ** -25,
      3 * 2 ** -25,
      2 ** -14,
      2 ** -14 - 2 ** -26,
      1e-30,
    ]
    const ties = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 2049, -2051, 2 ** -15 + 2 ** -25]
    const random16 = Array.from({ length: 200 }, () => Math.fround(random.normal(1)[0] * 2 ** random.integer(-28, 12)))
    const data = [...edges, ...ties, ...random16]
    for (const width of [data.length, 7, 1]) {
      const tokens = Math.floor(data.length / width)
      const rows = Array.from({ length: tokens }, (_, t) => tokens - t)
      const target = engine.alloc((tokens + 1) * cacheRowBytes('f16', width))
      const [ids, back] = [putIds(engine, rows), room(engine, tokens * width)]
      engine.writeRows(target, put(engine, data), ids, { tokens, width, dtype: 'f16' })
      engine.readRows(target, ids, back, { tokens, width, dtype: 'f16' })
      expect(Array.from(take(engine, back, tokens * width))).toEqual(
        data.slice(0, tokens * width).map(x => (x === 0 ? x : nearestF16(x))),
      )
    }
  })

  test('what f16 cannot hold is an error', () => {
    const target = engine.alloc(16)
    for (const bad of [65520, -1e30, Number.NaN, Number.POSITIVE_INFINITY]) {
      const write = () =>
        engine.writeRows(target, put(engine, [1, 2, 3, 4, bad]), putIds(engine, [0]), {
          tokens: 1,
          width: 5,
          dtype: 'f16',
        })
      expect(write).toThrow(SimdRangeError)
      expect(write).toThrow('1 of 5 keys or values')
    }
  })

  test('rows of a q8_0 cache keep each block within half of its step', () => {
    const [tokens, width] = [5, 96]
    const data = random.normal(tokens * width)
    data.fill(0, 32, 64)
    data[100] = 1e30
    const target = engine.alloc(8 * cacheRowBytes('q8_0', width))
    const [ids, back] = [putIds(engine, [7, 0, 3, 4, 1]), room(engine, tokens * width)]
    engine.writeRows(target, put(engine, data), ids, { tokens, width, dtype: 'q8_0' })
    engine.readRows(target, ids, back, { tokens, width, dtype: 'q8_0' })
    const found = take(engine, back, tokens * width)
    for (let block = 0; block < data.length; block += 32) {
      const values = data.subarray(block, block + 32)
      const step = reference.greatest(values) / 127
      values.forEach((value, i) => {
        expect(Math.abs(found[block + i] - value)).toBeLessThanOrEqual(step * 0.5001)
      })
    }
    data[3] = Number.NaN
    data[40] = Number.POSITIVE_INFINITY
    engine.writeRows(target, put(engine, data), ids, { tokens, width, dtype: 'q8_0' })
    engine.readRows(target, ids, back, { tokens, width, dtype: 'q8_0' })
    const marked = take(engine, back, tokens * width)
    expect(Array.from(marked.subarray(0, 64)).every(Number.isNaN)).toBe(true)
    expect(Array.from(marked.subarray(64)).some(Number.isNaN)).toBe(false)
    expect(() => engine.writeRows(target, 0, 0, { tokens: 1, width: 40, dtype: 'q8_0' })).toThrow('blocks of 32')
  })

  test('rows of an f32 cache are copies', () => {
    const data = random.normal(15)
    const [target, ids] = [room(engine, 25), putIds(engine, [4, 0, 2])]
    engine.writeRows(target, put(engine, data), ids, { tokens: 3, width: 5, dtype: 'f32' })
    const found = take(engine, target, 25)
    for (const [t, row] of [4, 0, 2].entries())
      expect(found.slice(5 * row, 5 * row + 5)).toEqual(data.slice(5 * t, 5 * t + 5))
  })
})
