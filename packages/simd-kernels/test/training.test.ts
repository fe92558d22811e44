import { afterAll, describe, expect, test } from 'vitest'
import { openSimd, type SimdEngine } from '../src'
import { engines, put, putIds, room, take } from './engines'
import * as gradients from './gradients'
import { Random } from './random'
import * as reference from './reference'

const seed = Number(process.env.CRIA_SEED ?? Date.now() >>> 0)
const opened = await engines()
const two = await Promise.all(opened.map(({ build }) => openSimd({ threads: 2, relaxed: build === 'relaxed' })))
afterAll(() => Promise.all([...opened, ...two].map(engine => engine.close())))

const causal = (first: number, tokens: number): [number, number][] =>
  Array.from({ length: tokens }, (_, t) => [first, first + t])
const window = (width: number, tokens: number): [number, number][] =>
  Array.from({ length: tokens }, (_, t) => [Math.max(0, t + 1 - width), t])
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

const cases: [string, { heads: number; kvHeads: number; headDim: number }, [number, number][]][] = [
  ['one token', { heads: 1, kvHeads: 1, headDim: 1 }, [[0, 0]]],
  ['a short row, heads of 6', { heads: 2, kvHeads: 1, headDim: 6 }, causal(0, 7)],
  ['a row of 100, heads of 16', { heads: 4, kvHeads: 2, headDim: 16 }, causal(0, 100)],
  ['documents of a row', { heads: 3, kvHeads: 3, headDim: 8 }, [...causal(0, 30), ...causal(30, 1), ...causal(31, 45)]],
  ['a window of 3', { heads: 2, kvHeads: 2, headDim: 12 }, window(3, 50)],
  [
    'ranges that overlap, a gap, queries that see nothing',
    { heads: 6, kvHeads: 2, headDim: 10 },
    [
      [5, 4],
      [3, 9],
      [0, 4],
      [7, 7],
      [20, 31],
      [1, 0],
      [21, 25],
      [20, 20],
      [40, 39],
    ],
  ],
  [
    'many documents',
    { heads: 2, kvHeads: 1, headDim: 4 },
    Array.from({ length: 20 }, (_, i) => causal(9 * i, 9)).flat(),
  ],
  ['a group of 40', { heads: 40, kvHeads: 1, headDim: 4 }, causal(2, 5)],
  ['a long row, cut into parts', { heads: 2, kvHeads: 1, headDim: 5 }, causal(0, 600)],
  ['a long row and a short one', { heads: 1, kvHeads: 1, headDim: 8 }, [...causal(1, 300), ...causal(301, 20)]],
]

describe.each(opened.map((engine, i) => ({ build: engine.build, engine, pair: two[i] })))(
  `$build build, seed ${seed}`,
  ({ engine, pair }) => {
    const random = new Random(seed)
    const sizes = [1, 2, 3, 5, 16, 31, 64, 130]

    /** Runs a kernel on one thread and on two, and gives its outputs, which are the same bits. */
    const outputs = (
      counts: readonly number[],
      kernel: (engine: SimdEngine, outs: number[]) => void,
    ): Float32Array[] => {
      const [first, second] = [engine, pair].map(on => {
        const outs = counts.map(count => room(on, count))
        kernel(on, outs)
        return outs.map((out, i) => take(on, out, counts[i]))
      })
      expect(second).toEqual(first)
      return first
    }

    const near = (found: ArrayLike<number>, expected: ArrayLike<number>, bound = 1e-5) =>
      expect(reference.error(found, expected)).toBeLessThan(bound)

    test.each(cases)('attentionBackward of %s', (_, heads, ranges) => {
      const rows = Math.max(...ranges.map(([, last]) => last)) + 3
      const [q, dout] = [0, 0].map(() => random.normal(ranges.length * heads.heads * heads.headDim))
      const [k, v] = [0, 0].map(() => random.normal(rows * heads.kvHeads * heads.headDim))
      const size = { ...heads, scale: 0.4 }
      const run = (on: SimdEngine, [dq, dk, dv]: number[]) => {
        const [first, last] = [0, 1].map(i =>
          putIds(
            on,
            ranges.map(range => range[i]),
          ),
        )
        const [pq, pk, pv, pd] = [q, k, v, dout].map(data => put(on, data))
        on.attentionBackward(pq, pk, pv, first, last, pd, dq, dk, dv, { ...size, tokens: ranges.length, rows })
      }
      const [dq, dk, dv] = outputs([q.length, k.length, v.length], run)
      const expected = gradients.attentionBackward(q, k, v, dout, ranges, size)
      near(dq, expected.dq)
      near(dk, expected.dk)
      near(dv, expected.dv)
    })

    test('the reference of attentionBackward agrees with central differences', () => {
      const ranges: [number, number][] = [...causal(0, 3), [1, 4], [5, 4]]
      const size = { heads: 4, kvHeads: 2, headDim: 3, scale: 0.7 }
      const [q, dout] = [0, 0].map(() => random.normal(ranges.length * 12))
      const [k, v] = [0, 0].map(() => random.normal(5 * 6))
      const { dq, dk, dv } = gradients.attentionBackward(q, k, v, dout, ranges, size)
      near(
        dq,
        gradients.derivatives(x => gradients.attentionLoss(x, k, v, dout, ranges, size), q),
        1e-7,
      )
      near(
        dk,
        gradients.derivatives(x => gradients.attentionLoss(q, x, v, dout, ranges, size), k),
        1e-7,
      )
      near(
        dv,
        gradients.derivatives(x => gradients.attentionLoss(q, k, x, dout, ranges, size), v),
        1e-7,
      )
    })

    test.each(sizes)('rmsNormBackward and layerNormBackward of rows of %i', dim => {
      for (const rows of [1, 3, 70]) {
        const [x, dy, weight, bias] = [rows * dim, rows * dim, dim, dim].map(count => random.normal(count))
        const eps = 0.1
        const loss = (centred: boolean) => (x: ArrayLike<number>, w: ArrayLike<number>, b: ArrayLike<number>) => {
          let sum = 0
          for (let base = 0; base < rows * dim; base += dim) {
            let [mean, square] = [0, 0]
            for (let c = 0; c < dim; c++) mean += centred ? x[base + c] / dim : 0
            for (let c = 0; c < dim; c++) square += (x[base + c] - mean) ** 2 / dim
            for (let c = 0; c < dim; c++)
              sum += dy[base + c] * (((x[base + c] - mean) / Math.sqrt(square + eps)) * w[c] + b[c])
          }
          return sum
        }
        // All directions of weight and bias, and of x where there are not too many.
        const zeros = new Float64Array(dim)
        const rms = outputs([rows * dim, dim], (on, [dx, dweight]) =>
          on.rmsNormBackward(put(on, x), put(on, weight), put(on, dy), dx, dweight, rows, dim, eps),
        )
        const layer = outputs([rows * dim, dim, dim], (on, [dx, dweight, dbias]) =>
          on.layerNormBackward(put(on, x), put(on, weight), put(on, dy), dx, dweight, dbias, rows, dim, eps),
        )
        const bound = 2e-5
        near(
          rms[1],
          gradients.derivatives(w => loss(false)(x, w, zeros), weight),
          bound,
        )
        near(
          layer[1],
          gradients.derivatives(w => loss(true)(x, w, bias), weight),
          bound,
        )
        near(
          layer[2],
          gradients.derivatives(b => loss(true)(x, weight, b), bias),
          bound,
        )
        if (rows === 70) continue
        const scale = Math.max(...dy.map(Math.abs))
        const expectedRms = gradients.derivatives(x => loss(false)(x, weight, zeros), x)
        rms[0].forEach((value, i) => {
          expect(Math.abs(value - expectedRms[i])).toBeLessThan(2e-5 * scale)
        })
        const expectedLayer = gradients.derivatives(x => loss(true)(x, weight, bias), x)
        layer[0].forEach((value, i) => {
          expect(Math.abs(value - expectedLayer[i])).toBeLessThan(2e-5 * scale)
        })
      }
    })

    test.each([...sizes, 9000])('gradients of silu, relu and gelu of %i', count => {
      // One that is 1 besides: an error is not over a slope that is next to 0.
      const close = (found: Float32Array, expected: Float64Array) => near([...found, 1], [...expected, 1])
      const [a, b, dy] = [random.normal(count, 3), random.normal(count), random.normal(count)]
      const [da, db] = outputs([count, count], (on, [da, db]) =>
        on.siluMulBackward(put(on, a), put(on, b), put(on, dy), da, db, count),
      )
      close(
        da,
        Float64Array.from(a, (x, i) => dy[i] * b[i] * sigmoid(x) * (1 + x * sigmoid(-x))),
      )
      close(
        db,
        Float64Array.from(a, (x, i) => dy[i] * x * sigmoid(x)),
      )
      const [relu, gelu] = outputs([count, count], (on, [relu, gelu]) => {
        const [px, pd] = [put(on, a), put(on, dy)]
        on.reluBackward(px, pd, relu, count)
        on.geluBackward(px, pd, gelu, count)
        on.geluBackward(px, pd, pd, count) // in place
        expect(on.f32(pd, count).slice()).toEqual(on.f32(gelu, count).slice())
      })
      expect(Array.from(relu)).toEqual(Array.from(a, (x, i) => (x > 0 ? dy[i] : 0)))
      const slope = (x: number) => {
        const tanh = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))
        return (1 + tanh) / 2 + (x / 2) * (1 - tanh ** 2) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x ** 2)
      }
      close(
        gelu,
        Float64Array.from(a, (x, i) => dy[i] * slope(x)),
      )
    })

    test('gradients of silu and gelu at the ends of f32', () => {
      const x = [-3e38, -1e6, -90, 0, 90, 1e6, 3e38]
      const ones = new Array(x.length).fill(1)
      const [da, , gelu] = outputs([x.length, x.length, x.length], (on, [da, db, gelu]) => {
        on.siluMulBackward(put(on, x), put(on, ones), put(on, ones), da, db, x.length)
        on.geluBackward(put(on, x), put(on, ones), gelu, x.length)
      })
      for (const found of [da, gelu])
        [0, 0, 0, 0.5, 1, 1, 1].forEach((expected, i) => {
          expect(Math.abs(found[i] - expected)).toBeLessThan(1e-6)
        })
    })

    test.each([...sizes, 2050])('softmaxBackward and crossEntropy over %i columns', columns => {
      const rows = 5
      const [logits, dy, dlosses] = [rows * columns, rows * columns, rows].map(count => random.normal(count, 3))
      const targets = [0, -100, columns - 1, columns >> 1, -1]
      const rowOf = (data: Float32Array, row: number) => Array.from(data.subarray(row * columns, (row + 1) * columns))
      const soft = [0, 1, 2, 3, 4].map(row => reference.softmax(rowOf(logits, row)))
      const [dx] = outputs([rows * columns], (on, [dx]) => {
        const y = put(on, soft.flat())
        on.softmaxBackward(y, put(on, dy), dx, rows, columns)
      })
      const expected = soft.flatMap((y, row) => {
        const d = rowOf(dy, row)
        const mean = y.reduce((sum, weight, i) => sum + weight * d[i], 0)
        return y.map((weight, i) => weight * (d[i] - mean))
      })
      expect(Math.max(...expected.map((value, i) => Math.abs(value - dx[i])))).toBeLessThan(1e-5)

      const [losses, dlogits] = outputs([rows, rows * columns], (on, [losses, dlogits]) => {
        const [x, t, d] = [put(on, logits), putIds(on, targets), put(on, dlosses)]
        on.crossEntropy(x, t, losses, rows, columns)
        on.crossEntropyBackward(x, t, d, dlogits, rows, columns)
        on.crossEntropyBackward(x, t, d, x, rows, columns) // in place
        expect(on.f32(x, rows * columns).slice()).toEqual(on.f32(dlogits, rows * columns).slice())
      })
      const loss = soft.map((y, row) => (targets[row] < 0 ? 0 : -Math.log(y[targets[row]])))
      loss.forEach((value, row) => {
        expect(Math.abs(losses[row] - value)).toBeLessThan(1e-6 * (1 + value))
      })
      const gradient = soft.flatMap((y, row) =>
        y.map((weight, i) => (targets[row] < 0 ? 0 : dlosses[row] * (weight - (i === targets[row] ? 1 : 0)))),
      )
      expect(Math.max(...gradient.map((value, i) => Math.abs(value - dlogits[i])))).toBeLessThan(1e-5)
      expect(Array.from(dlogits.subarray(columns, 2 * columns)).every(value => value === 0)).toBe(true)
      expect(() => engine.crossEntropy(0, putIds(engine, [columns]), 0, 1, columns)).toThrow(
        `target ${columns} of row 0 must be below ${columns}`,
      )
    })

    test.each([1, 3, 64, 70, 200])('embeddingBackward of rows of %i', width => {
      const [rows, vocab] = [50, 7]
      const ids = Array.from({ length: rows }, () => random.integer(0, vocab - 1))
      const [dy, before] = [random.normal(rows * width), random.normal(vocab * width)]
      const [dweight] = outputs([vocab * width], (on, [out]) => {
        on.f32(out, vocab * width).set(before)
        on.embeddingBackward(putIds(on, ids), put(on, dy), out, { rows, width, vocab })
      })
      const expected = Float64Array.from(before)
      for (let i = 0; i < rows * width; i++) expected[ids[Math.floor(i / width)] * width + (i % width)] += dy[i]
      near(dweight, expected)
      for (const id of [-1, vocab])
        expect(() => engine.embeddingBackward(putIds(engine, [0, id]), 0, 0, { rows: 2, width, vocab })).toThrow(
          `id ${id} of row 1 must be from 0 below ${vocab}`,
        )
    })

    test.each([0, ...sizes, 8192, 30_001])('sum and sumSquares of %i numbers', count => {
      const x = random.normal(count)
      for (const on of [engine, pair]) {
        const px = put(on, x)
        const [sum, squares] = [on.sum(px, count), on.sumSquares(px, count)]
        expect(Math.abs(sum - x.reduce((total, value) => total + value, 0))).toBeLessThan(1e-8)
        expect(Math.abs(squares - x.reduce((total, value) => total + value * value, 0))).toBeLessThan(1e-8)
        if (on === pair)
          expect([sum, squares]).toEqual([engine.sum(put(engine, x), count), engine.sumSquares(put(engine, x), count)])
      }
    })

    test.each([...sizes, 10_007])('adamw on %i parameters', count => {
      const start = random.normal(count)
      const steps = [0, 1, 2].map(() => random.normal(count))
      const settings = { lr: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, factor: 0.7 }
      const correction = (step: number) => ({ correction1: 1 - 0.9 ** step, correction2: 1 - 0.95 ** step })
      const [p] = outputs([count, count, count], (on, [p, m, v]) => {
        on.f32(p, count).set(start)
        on.f32(m, count).fill(0)
        on.f32(v, count).fill(0)
        steps.forEach((g, i) => {
          on.adamw(p, m, v, put(on, g), count, { ...settings, ...correction(i + 1) })
        })
      })
      const expected = Float64Array.from(start, (value, i) => {
        let [x, m, v] = [value, 0, 0]
        steps.forEach((gradient, step) => {
          const g = 0.7 * gradient[i]
          m = 0.9 * m + 0.1 * g
          v = 0.95 * v + 0.05 * g * g
          const { correction1, correction2 } = correction(step + 1)
          x = x - 0.01 * 0.1 * x - (0.01 * (m / correction1)) / (Math.sqrt(v / correction2) + 1e-8)
        })
        return x
      })
      near(p, expected, 1e-6)
    })
  },
)
