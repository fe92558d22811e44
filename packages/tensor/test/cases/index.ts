import type { Op, Values } from '../../src/op'
import { addOp } from '../../src/ops/add'
import { attentionOp } from '../../src/ops/attention'
import { concatOp } from '../../src/ops/concat'
import { embeddingOp } from '../../src/ops/embedding'
import { geluOp } from '../../src/ops/gelu'
import { layerNormOp } from '../../src/ops/layer-norm'
import { linearOp } from '../../src/ops/linear'
import { matmulOp } from '../../src/ops/matmul'
import { mulOp } from '../../src/ops/mul'
import { reluOp } from '../../src/ops/relu'
import { rmsNormOp } from '../../src/ops/rms-norm'
import { ropeOp } from '../../src/ops/rope'
import { scaleOp } from '../../src/ops/scale'
import { siluMulOp } from '../../src/ops/silu-mul'
import { sliceOp } from '../../src/ops/slice'
import { softmaxOp } from '../../src/ops/softmax'
import { transposeOp } from '../../src/ops/transpose'
import { writeRowsOp } from '../../src/ops/write-rows'
import { type Case, type Draw, oddShapes } from './draw'

export { type Case, Draw } from './draw'

const made = <A>(op: Op<A>, inputs: readonly Values[], attributes: A, typical = 0): Case => ({
  op: op as Op,
  inputs,
  attributes,
  typical,
})

const unary = (op: Op, draw: Draw) => oddShapes.map(shape => made(op, [draw.normal(...shape)], undefined))
const binary = (op: Op, draw: Draw) =>
  oddShapes.map(shape => made(op, [draw.normal(...shape), draw.normal(...shape)], undefined))

const large = (values: Values, by: number): Values => ({
  shape: values.shape,
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
    // batch, time, heads, head dim
    [1, 1, 1, 2],
    [1, 1, 8, 8],
    [1, 5, 3, 6],
    [2, 3, 4, 8],
    [2, 7, 1, 64],
    [3, 1, 2, 128],
    [1, 33, 2, 10],
    [2, 2, 5, 4],
  ].flatMap(([batch, time, heads, headDim]) =>
    (['interleaved', 'halves'] as const).map(pairing => {
      const angles = Array.from({ length: (time * headDim) / 2 }, () => draw.next() * 4096)
      const table = (turn: (angle: number) => number) => ({
        shape: [time, headDim / 2],
        data: Float32Array.from(angles, turn),
      })
      return made(ropeOp, [draw.normal(batch, time, heads, headDim), table(Math.cos), table(Math.sin)], { pairing })
    }),
  )

const attention = (draw: Draw) =>
  [
    // batch, time, heads, kv heads, head dim, position, spare rows of the cache
    [1, 1, 1, 1, 1, 0, 0],
    [1, 1, 1, 1, 2, 0, 3],
    [1, 4, 2, 2, 8, 0, 0],
    [1, 1, 8, 4, 8, 9, 5],
    [1, 3, 8, 8, 4, 5, 1],
    [1, 3, 8, 4, 4, 5, 1],
    [1, 3, 8, 2, 4, 5, 1],
    [1, 3, 8, 1, 4, 5, 1],
    [1, 5, 6, 3, 10, 2, 0],
    [1, 5, 6, 2, 10, 2, 0],
    [1, 5, 6, 1, 10, 2, 0],
    [1, 7, 3, 1, 5, 0, 9],
    [1, 7, 3, 3, 5, 31, 9],
    [2, 1, 4, 2, 16, 7, 0],
    [2, 5, 4, 1, 16, 0, 3],
    [3, 2, 4, 4, 3, 11, 2],
    [3, 3, 12, 4, 6, 1, 1],
    [1, 2, 2, 1, 64, 100, 27],
    [1, 1, 2, 1, 128, 255, 1],
    [1, 33, 2, 2, 8, 0, 0],
    [2, 9, 5, 5, 7, 3, 0],
    [1, 1, 16, 2, 8, 63, 0],
  ].map(([batch, time, heads, kvHeads, headDim, position, spare]) => {
    const rows = position + time + spare
    return made(
      attentionOp,
      [
        draw.normal(batch, time, heads, headDim),
        draw.normal(batch, rows, kvHeads, headDim),
        draw.normal(batch, rows, kvHeads, headDim),
      ],
      { position },
    )
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
    // batch, rows, count, kv heads, head dim
    [1, 1, 1, 1, 1],
    [1, 8, 1, 4, 8],
    [1, 8, 3, 4, 8],
    [2, 5, 2, 1, 3],
    [2, 5, 5, 2, 5],
    [3, 7, 1, 3, 1],
    [1, 64, 7, 1, 31],
    [2, 33, 16, 2, 16],
    [1, 3, 1, 4, 16],
    [4, 2, 1, 1, 65],
  ].map(([batch, rows, count, heads, dim]) =>
    made(writeRowsOp, [draw.normal(batch, rows, heads, dim), draw.normal(batch, count, heads, dim)], {
      row: draw.integer(0, rows - count),
    }),
  )

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
]
