import { afterAll, describe, expect, test } from 'vitest'
import { engines, put, room, take } from './engines'
import { Random } from './random'
import * as reference from './reference'

const seed = Number(process.env.CRIA_SEED ?? Date.now() >>> 0)
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
    [14, 20, 1100],
  ]
  test.each(shapes)('matmul [%i, %i], contracting %i, in all transpositions', (m, n, k) => {
    const [a, b] = [random.normal(m * k), random.normal(k * n)]
    const [pa, pb, out] = [put(engine, a), put(engine, b), room(engine, m * n)]
    // The roundings of k sums add up as the root of k.
    const bound = Math.max(2e-6, 2 ** -23 * Math.sqrt(k))
    for (const transpose of [{}, { a: true }, { b: true }, { a: true, b: true }]) {
      engine.matmul(pa, pb, out, { m, n, k }, transpose)
      const expected = reference.product(
        m,
        n,
        k,
        (row, i) => ('a' in transpose ? a[i * m + row] : a[row * k + i]),
        (i, column) => ('b' in transpose ? b[column * k + i] : b[i * n + column]),
      )
      expect(reference.error(take(engine, out, m * n), expected)).toBeLessThan(bound)
      engine.matmul(pa, pb, out, { m, n, k }, { ...transpose, accumulate: true })
      const twice = expected.map(value => 2 * value)
      expect(reference.error(take(engine, out, m * n), twice)).toBeLessThan(bound)
    }
  })
})
