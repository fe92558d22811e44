import { afterAll, describe, expect, test } from 'vitest'
import { engines, put, room, take } from './engines'
import { Random } from './random'
import * as reference from './reference'

const seed = Date.now() >>> 0
const opened = await engines()
afterAll(() => Promise.all(opened.map(engine => engine.close())))

describe.each(opened.map(engine => ({ build: engine.build, engine })))(`$build build, seed ${seed}`, ({ engine }) => {
  const random = new Random(seed)
  const sizes = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33, 63, 64, 65, 100, 257]

  test.each(sizes)('add and siluMul of %i', count => {
    const [a, b] = [random.normal(count, 5), random.normal(count)]
    const [pa, pb, out] = [put(engine, a), put(engine, b), room(engine, count)]
    engine.add(pa, pb, out, count)
    expect(Array.from(take(engine, out, count))).toEqual(Array.from(a, (value, i) => Math.fround(value + b[i])))
    engine.siluMul(pa, pb, out, count)
    const expected = Float64Array.from(a, (value, i) => (value / (1 + Math.exp(-value))) * b[i])
    expect(reference.error(take(engine, out, count), expected)).toBeLessThan(1e-6)
  })

  test('siluMul at the ends of f32', () => {
    const a = [-1e30, -200, -90, -0, 0, 90, 200, 1e30]
    const [pa, pb, out] = [
      put(engine, a),
      put(
        engine,
        a.map(() => 1),
      ),
      room(engine, a.length),
    ]
    engine.siluMul(pa, pb, out, a.length)
    const found = take(engine, out, a.length)
    const expected = a.map(value => value / (1 + Math.exp(-value)))
    for (let i = 1; i < a.length; i++)
      expect(Math.abs(found[i] - expected[i])).toBeLessThanOrEqual(1e-6 * Math.abs(expected[i]) + 1e-35)
    expect(Math.abs(found[0])).toBeLessThan(1e-7) // true: -0; e^88.3 is as far as the exponential goes
  })

  test.each(sizes)('rmsNorm of rows of %i', dim => {
    const rows = 3
    const [x, weight] = [random.normal(rows * dim, 3), random.normal(dim)]
    const out = room(engine, rows * dim)
    engine.rmsNorm(put(engine, x), put(engine, weight), out, rows, dim, 1e-5)
    const expected = x.map((value, i) => {
      const row = x.subarray(Math.floor(i / dim) * dim, (Math.floor(i / dim) + 1) * dim)
      return (value / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / dim + 1e-5)) * weight[i % dim]
    })
    expect(reference.error(take(engine, out, rows * dim), expected)).toBeLessThan(1e-6)
  })

  // Two or three numbers may be so near each other that taking off their mean leaves few digits.
  test.each(sizes.filter(dim => dim === 1 || dim > 3))('layerNorm of rows of %i', dim => {
    const rows = 3
    const [x, weight, bias] = [random.normal(rows * dim, 3), random.normal(dim), random.normal(dim)]
    const out = room(engine, rows * dim)
    engine.layerNorm(put(engine, x), put(engine, weight), put(engine, bias), out, rows, dim, 1e-5)
    const expected = Float64Array.from(x, (value, i) => {
      const row = x.subarray(Math.floor(i / dim) * dim, (Math.floor(i / dim) + 1) * dim)
      const mean = row.reduce((sum, v) => sum + v, 0) / dim
      const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / dim
      return ((value - mean) / Math.sqrt(variance + 1e-5)) * weight[i % dim] + bias[i % dim]
    })
    expect(reference.error(take(engine, out, rows * dim), expected)).toBeLessThan(1e-5)
  })

  test.each([2, 4, 6, 8, 10, 64, 66])('rope of heads of %i', headDim => {
    const [tokens, heads, rows, half] = [3, 2, 6, headDim / 2]
    const x = random.normal(rows * heads * headDim)
    const angles = Float64Array.from({ length: tokens * half }, () => 100 * random.next())
    const [cosines, sines] = [Float32Array.from(angles, Math.cos), Float32Array.from(angles, Math.sin)]
    const out = room(engine, x.length)
    engine.rope(put(engine, x), put(engine, cosines), put(engine, sines), out, { rows, tokens, heads, headDim })
    const expected = x.map((_, i) => {
      const position = Math.floor(i / (heads * headDim)) % tokens
      const angle = angles[position * half + ((i % headDim) >> 1)]
      const [first, second] = [x[i & ~1], x[i | 1]]
      return i % 2 === 0
        ? first * Math.cos(angle) - second * Math.sin(angle)
        : first * Math.sin(angle) + second * Math.cos(angle)
    })
    expect(reference.error(take(engine, out, x.length), expected)).toBeLessThan(1e-6)
  })

  test.each(sizes)('softmax of rows of %i', columns => {
    const x = random.normal(3 * columns, 10)
    const out = room(engine, x.length)
    engine.softmax(put(engine, x), out, 3, columns)
    const expected = [0, 1, 2].flatMap(row =>
      reference.softmax(Array.from(x.subarray(row * columns, (row + 1) * columns))),
    )
    expect(reference.error(take(engine, out, x.length), expected)).toBeLessThan(1e-6)
  })

  test('softmax keeps NaN', () => {
    for (const at of [0, 3, 4]) {
      const x = random.normal(5)
      x[at] = Number.NaN
      const out = room(engine, 5)
      engine.softmax(put(engine, x), out, 1, 5)
      expect(Array.from(take(engine, out, 5))).toEqual(new Array(5).fill(Number.NaN))
    }
  })

  test.each(sizes)('argMax of %i', count => {
    const x = random.normal(count)
    const best = random.integer(0, count - 1)
    x[best] = 100
    x[count - 1] = 100 // of equals the first
    expect(engine.argMax(put(engine, x), count)).toBe(best)
    x.fill(Number.NaN)
    expect(engine.argMax(put(engine, x), count)).toBe(0)
    x[best] = Number.NEGATIVE_INFINITY
    expect(engine.argMax(put(engine, x), count)).toBe(best)
  })

  test.each([
    { tokens: 1, position: 0, heads: 1, kvHeads: 1, headDim: 1 },
    { tokens: 1, position: 200, heads: 4, kvHeads: 2, headDim: 64 },
    { tokens: 5, position: 0, heads: 6, kvHeads: 3, headDim: 8 },
    { tokens: 3, position: 63, heads: 8, kvHeads: 1, headDim: 20 },
    { tokens: 70, position: 61, heads: 2, kvHeads: 2, headDim: 13 },
    { tokens: 2, position: 127, heads: 2, kvHeads: 1, headDim: 128 },
  ])('attention: $tokens tokens at $position, $heads heads on $kvHeads of $headDim', size => {
    const { tokens, position, heads, kvHeads, headDim } = size
    const rows = position + tokens
    const [q, k, v] = [tokens * heads, rows * kvHeads, rows * kvHeads].map(n => random.normal(n * headDim, 2))
    const [pq, pk, pv, out] = [put(engine, q), put(engine, k), put(engine, v), room(engine, q.length)]
    engine.attention(pq, pk, pv, out, size)
    const byRow = (data: Float32Array) => (row: number, head: number, c: number) =>
      data[(row * kvHeads + head) * headDim + c]
    const byHead = (data: Float32Array) => (row: number, head: number, c: number) =>
      data[(head * rows + row) * headDim + c]
    expect(reference.error(take(engine, out, q.length), reference.attention(q, byRow(k), byRow(v), size))).toBeLessThan(
      3e-6,
    )
    engine.attention(pq, pk, pv, out, { ...size, rowStride: headDim, headStride: rows * headDim })
    expect(
      reference.error(take(engine, out, q.length), reference.attention(q, byHead(k), byHead(v), size)),
    ).toBeLessThan(3e-6)
  })

  const shapes = [
    [1, 1, 1],
    [1, 9, 5],
    [2, 3, 4],
    [5, 8, 33],
    [6, 8, 64],
    [7, 17, 31],
    [13, 5, 100],
    [400, 10, 9],
    [1, 130, 257],
  ]
  test.each(shapes)('matmul [%i, %i], contracting %i, in all transpositions', (m, n, k) => {
    const [a, b] = [random.normal(m * k), random.normal(k * n)]
    const [pa, pb, out] = [put(engine, a), put(engine, b), room(engine, m * n)]
    for (const transpose of [{}, { a: true }, { b: true }, { a: true, b: true }]) {
      engine.matmul(pa, pb, out, { m, n, k }, transpose)
      const expected = reference.product(
        m,
        n,
        k,
        (row, i) => ('a' in transpose ? a[i * m + row] : a[row * k + i]),
        (i, column) => ('b' in transpose ? b[column * k + i] : b[i * n + column]),
      )
      expect(reference.error(take(engine, out, m * n), expected)).toBeLessThan(2e-6)
    }
  })
})
