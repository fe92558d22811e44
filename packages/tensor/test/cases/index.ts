import type { Op } from '../../src/op'
import { addOp } from '../../src/ops/add'
import { addBiasOp, sumRowsOp } from '../../src/ops/add-bias'
import { argMaxOp } from '../../src/ops/arg-max'
import { attentionOp, attentionWeightsOp } from '../../src/ops/attention'
import { concatOp } from '../../src/ops/concat'
import { copyRowsOp } from '../../src/ops/copy-rows'
import { crossEntropyOp } from '../../src/ops/cross-entropy'
import { embeddingOp } from '../../src/ops/embedding'
import { geluOp } from '../../src/ops/gelu'
import { layerNormOp } from '../../src/ops/layer-norm'
import { linearOp } from '../../src/ops/linear'
import { matmulOp } from '../../src/ops/matmul'
import { mulOp } from '../../src/ops/mul'
import { reluOp } from '../../src/ops/relu'
import { reshapeOp } from '../../src/ops/reshape'
import { rmsNormOp } from '../../src/ops/rms-norm'
import { ropeOp } from '../../src/ops/rope'
import { sampleOp } from '../../src/ops/sample'
import { scaleOp } from '../../src/ops/scale'
import { siluMulOp } from '../../src/ops/silu-mul'
import { padOp, sliceOp } from '../../src/ops/slice'
import { softmaxOp } from '../../src/ops/softmax'
import { expandOp, sumOp } from '../../src/ops/sum'
import { transposeOp } from '../../src/ops/transpose'
import { writeRowsOp } from '../../src/ops/write-rows'
import { attentionSizes, drawAttention } from './attention'
import { crossEntropySizes, drawBackwardCases } from './backward'
import { drawCompositeCases } from './composite'
import { type Case, type Draw, type Input, made, oddShapes } from './draw'

export { type Case, Draw } from './draw'

const unary = (op: Op<undefined>, draw: Draw) => oddShapes.map(shape => made(op, [draw.normal(...shape)], undefined))
const binary = (op: Op<undefined>, draw: Draw) =>
  oddShapes.map(shape => made(op, [draw.normal(...shape), draw.normal(...shape)], undefined))

const large = (values: Input, by: number): Input => ({
  ...values,
  data: Float32Array.from(values.data, value => value * by),
})

const linear = (draw: Draw) =>
  [
    // rows, in, out
    [1, 1, 1],
    [1, 3, 2],
    [2, 1, 5],
    [3, 7, 1],
    [1, 64, 64],
    [1, 64, 172],
    [1, 33, 130],
    [5, 65, 31],
    [8, 32, 8],
    [16, 16, 16],
    [17, 48, 33],
    [64, 20, 3],
    [1, 512, 1],
    [1, 4096, 9],
    [2, 4097, 3],
    [1, 11008, 5],
    [3, 11008, 4],
    [7, 688, 37],
  ].map(([rows, size, out]) =>
    made(linearOp, [draw.normal(rows, size), draw.normal(out, size)], undefined, Math.sqrt(size)),
  )

const matmul = (draw: Draw) =>
  [
    // batch, M, K, N
    [1, 1, 1, 1],
    [1, 3, 5, 2],
    [2, 4, 4, 4],
    [3, 1, 17, 9],
    [1, 33, 20, 31],
    [2, 16, 65, 7],
    [1, 2, 11008, 3],
  ].flatMap(([z, m, k, n]) =>
    [false, true].flatMap(transposeA =>
      [false, true].map(transposeB =>
        made(
          matmulOp,
          [draw.normal(z, ...(transposeA ? [k, m] : [m, k])), draw.normal(z, ...(transposeB ? [n, k] : [k, n]))],
          { transposeA, transposeB },
          Math.sqrt(k),
        ),
      ),
    ),
  )

const embedding = (draw: Draw) =>
  [
    // count, vocab, dim
    [1, 1, 1],
    [1, 5, 3],
    [4, 512, 64],
    [9, 33, 7],
    [130, 2, 5],
    [3, 4000, 17],
    [2, 31, 288],
    [1, 32000, 4],
    [65, 65, 1],
    [7, 100, 100],
  ].map(([count, vocab, dim]) => made(embeddingOp, [draw.ids(vocab, 1, count), draw.normal(vocab, dim)], undefined))

const norms = (draw: Draw) =>
  [
    [1, 1],
    [1, 3],
    [3, 5],
    [1, 64],
    [7, 64],
    [2, 288],
    [33, 31],
    [1, 4096],
    [2, 4097],
    [5, 1],
  ].flatMap(([rows, dim]) =>
    [1e-5, 1e-6].flatMap(eps => [
      made(rmsNormOp, [draw.normal(rows, dim), draw.normal(dim)], { eps }),
      made(layerNormOp, [draw.normal(rows, dim), draw.normal(dim), draw.normal(dim)], { eps }),
    ]),
  )

const rope = (draw: Draw) =>
  [
    // tokens, heads, head dim, rows of the table
    [1, 1, 2, 1],
    [1, 8, 8, 5],
    [5, 3, 6, 5],
    [6, 4, 8, 40],
    [14, 1, 64, 9],
    [3, 2, 128, 3],
    [33, 2, 10, 4],
    [4, 5, 4, 100],
  ].flatMap(([tokens, heads, headDim, rows]) =>
    (['interleaved', 'halves'] as const).flatMap(pairing =>
      [false, true].map(inverse => {
        const angles = Array.from({ length: (rows * headDim) / 2 }, () => draw.next() * 4096)
        const table = (turn: (angle: number) => number): Input => ({
          shape: [rows, headDim / 2],
          dtype: 'f32',
          data: Float32Array.from(angles, turn),
        })
        const x = draw.normal(tokens, heads, headDim)
        return made(ropeOp, [x, table(Math.cos), table(Math.sin), draw.ids(rows, tokens)], { pairing, inverse })
      }),
    ),
  )

const attention = (draw: Draw) =>
  attentionSizes.flatMap(size => {
    const { q, k, v, first, last, attributes } = drawAttention(draw, size)
    return [
      made(attentionOp, [q, k, v, first, last], attributes),
      made(attentionWeightsOp, [q, k, first, last], attributes),
    ]
  })

const softmax = (draw: Draw) => [
  ...unary(softmaxOp, draw),
  made(softmaxOp, [draw.normal(2, 4000)], undefined),
  // Values whose exponentials overflow f32 unless the maximum is taken off first.
  made(softmaxOp, [large(draw.normal(3, 40), 300)], undefined),
]

const slice = (draw: Draw) =>
  oddShapes.map(shape => {
    const axis = draw.integer(0, shape.length - 1)
    const start = draw.integer(0, shape[axis] - 1)
    return made(sliceOp, [draw.normal(...shape)], {
      axis: draw.next() < 0.5 ? axis : axis - shape.length,
      start,
      length: draw.integer(1, shape[axis] - start),
    })
  })

const concat = (draw: Draw) =>
  oddShapes.map(shape => {
    const axis = draw.integer(0, shape.length - 1)
    return made(concatOp, [draw.normal(...shape), draw.normal(...shape.with(axis, draw.integer(1, 9)))], { axis })
  })

const transpose = (draw: Draw) =>
  oddShapes.map(shape => {
    const axes = [draw.integer(0, shape.length - 1), draw.integer(-shape.length, -1)] as const
    return made(transposeOp, [draw.normal(...shape)], { axes })
  })

const writeRows = (draw: Draw) =>
  [
    // rows, tokens, kv heads, head dim
    [1, 1, 1, 1],
    [8, 1, 4, 8],
    [8, 3, 4, 8],
    [10, 4, 1, 3],
    [5, 5, 2, 5],
    [21, 3, 3, 1],
    [64, 7, 1, 31],
    [66, 32, 2, 16],
    [3, 1, 4, 16],
    [8, 4, 1, 65],
  ].map(([rows, tokens, heads, dim]) =>
    made(
      writeRowsOp,
      [draw.normal(rows, heads, dim), draw.normal(tokens, heads, dim), draw.distinct(tokens, rows)],
      undefined,
    ),
  )

const copyRows = (draw: Draw) =>
  [
    // rows of the target, of the source, count, width
    [1, 1, 1, 1],
    [8, 3, 2, 5],
    [7, 64, 7, 64],
    [33, 33, 1, 3],
  ].map(([rows, sourceRows, count, width]) =>
    made(copyRowsOp, [draw.normal(rows, width), draw.normal(sourceRows, width)], {
      from: draw.integer(0, sourceRows - count),
      to: draw.integer(0, rows - count),
      count,
    }),
  )

const argMax = (draw: Draw) => [
  ...[
    [1, 1],
    [3, 7],
    [5, 64],
    [2, 1001],
  ].map(([rows, columns]) => made(argMaxOp, [draw.normal(rows, columns)], { limit: draw.integer(1, columns) })),
  // Ties: the lowest column counts.
  made(argMaxOp, [{ ...draw.normal(2, 6), data: Float32Array.of(1, 5, 5, 2, 5, 0, 3, 3, 3, 3, 3, 3) }], { limit: 6 }),
]

/** Scores whose nucleus and draw are far from where rounding decides. */
const sample = (draw: Draw) =>
  [
    [1, 1],
    [3, 7],
    [5, 64],
    [2, 1001],
    [1, 4099],
  ].flatMap(([rows, columns]) =>
    [1, 0.9, 0.5, 0.05].map(share => {
      const temperature = 0.3 + 2 * draw.next()
      const limit = draw.integer(Math.ceil(columns / 2), columns)
      const likely = Float32Array.from({ length: limit }, () => 3 * draw.gaussian()).toSorted((a, b) => b - a)
      const masses = Array.from(likely, score => Math.exp((score - likely[0]) / temperature))
      const sumOf = (some: readonly number[]) => some.reduce((sum, mass) => sum + mass, 0)
      const total = sumOf(masses)
      let size = 1
      for (let sum = masses[0]; sum < share * total && size < limit; size++) sum += masses[size]
      const kept = share === 1 ? masses : masses.slice(0, size)
      const topP = share === 1 ? 1 : (sumOf(kept) - masses[size - 1] / 2) / total
      const x = Float32Array.from({ length: rows * columns }, () => 9 * draw.gaussian())
      const numbers = new Float32Array(rows)
      for (let row = 0; row < rows; row++) {
        // The same scores in each row, in another order.
        const order = Array.from(draw.distinct(limit, limit).data)
        for (const [i, rank] of order.entries()) x[row * columns + i] = likely[rank]
        const target = draw.integer(0, kept.filter(mass => mass > 1e-3 * sumOf(kept)).length - 1)
        const before = order.slice(0, order.indexOf(target)).map(rank => kept[rank] ?? 0)
        numbers[row] = (sumOf(before) + kept[target] / 2) / sumOf(kept)
      }
      const scores: Input = { shape: [rows, columns], dtype: 'f32', data: x }
      return made(sampleOp, [scores, { shape: [rows], dtype: 'f32', data: numbers }], { temperature, topP, limit })
    }),
  )

const brokenScores = () =>
  [Number.NaN, Number.POSITIVE_INFINITY].flatMap(broken => {
    const none = new Array(3).fill(Number.NEGATIVE_INFINITY)
    const scores: Input = { shape: [3, 3], dtype: 'f32', data: Float32Array.of(1, broken, 2, 1, 3, 2, ...none) }
    const numbers: Input = { shape: [3], dtype: 'f32', data: new Float32Array(3) }
    return [
      made(argMaxOp, [scores], { limit: 3 }),
      made(sampleOp, [scores, numbers], { temperature: 1, topP: 0.001, limit: 3 }),
    ]
  })

const crossEntropy = (draw: Draw) =>
  crossEntropySizes.flatMap(([rows, columns]) =>
    [1, 100].map(by => {
      const targets = draw.integers([rows], i => (i % 4 === 3 ? -1 : draw.integer(0, columns - 1)))
      return made(crossEntropyOp, [large(draw.normal(rows, columns), by), targets], undefined, 1)
    }),
  )

const sums = (draw: Draw) =>
  [[1], [5], [255], [256], [257], [3, 1000], [70_000], [1025, 1024]].flatMap(shape => [
    made(sumOp, [draw.normal(...shape)], undefined, Math.sqrt(shape.reduce((a, b) => a * b))),
    made(expandOp, [draw.normal(1)], { shape }),
  ])

const biases = (draw: Draw) =>
  [
    [1, 1],
    [3, 5],
    [33, 64],
    [200, 3],
  ].flatMap(([rows, dim]) => [
    made(addBiasOp, [draw.normal(rows, dim), draw.normal(dim)], undefined),
    made(sumRowsOp, [draw.normal(rows, dim)], undefined, Math.sqrt(rows)),
  ])

const pad = (draw: Draw) =>
  oddShapes.map(shape => {
    const axis = draw.integer(0, shape.length - 1)
    const start = draw.integer(0, 4)
    return made(padOp, [draw.normal(...shape)], { axis, start, size: start + shape[axis] + draw.integer(0, 3) })
  })

const reshape = (draw: Draw) => [
  made(reshapeOp, [draw.normal(2, 6)], { shape: [3, -1] }),
  made(reshapeOp, [draw.ids(9, 4)], { shape: [2, 2] }),
]

/** Every case of every op, with fresh values from the seed. */
export const drawCases = (draw: Draw): readonly Case[] => [
  ...binary(addOp, draw),
  ...binary(mulOp, draw),
  ...binary(siluMulOp, draw),
  ...unary(reluOp, draw),
  ...unary(geluOp, draw),
  made(geluOp, [large(draw.normal(3, 50), 30)], undefined),
  made(siluMulOp, [large(draw.normal(3, 50), 30), draw.normal(3, 50)], undefined),
  ...oddShapes.map(shape =>
    made(scaleOp, [draw.normal(...shape)], { factor: draw.next() < 0.3 ? 2 : draw.next() - 0.5 }),
  ),
  ...linear(draw),
  ...matmul(draw),
  ...embedding(draw),
  ...norms(draw),
  ...rope(draw),
  ...attention(draw),
  ...softmax(draw),
  ...slice(draw),
  ...concat(draw),
  ...transpose(draw),
  ...writeRows(draw),
  ...copyRows(draw),
  ...argMax(draw),
  ...sample(draw),
  ...brokenScores(),
  ...crossEntropy(draw),
  ...sums(draw),
  ...biases(draw),
  ...pad(draw),
  ...reshape(draw),
  ...drawBackwardCases(draw),
  ...drawCompositeCases(draw),
]
