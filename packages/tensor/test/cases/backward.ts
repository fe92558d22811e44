import type { Op } from '../../src/op'
import { adamwOp, clipFactorOp, globalNormOp } from '../../src/ops/adamw'
import { attentionBackwardOp } from '../../src/ops/attention-backward'
import { crossEntropyBackwardOp } from '../../src/ops/cross-entropy'
import { embeddingBackwardOp } from '../../src/ops/embedding'
import { geluBackwardOp } from '../../src/ops/gelu'
import { layerNormBackwardOp } from '../../src/ops/layer-norm'
import { reluBackwardOp } from '../../src/ops/relu'
import { rmsNormBackwardOp } from '../../src/ops/rms-norm'
import { siluMulBackwardOp } from '../../src/ops/silu-mul'
import { softmaxBackwardOp } from '../../src/ops/softmax'
import { attentionSizes, drawAttention } from './attention'
import { type Case, type Draw, type Input, made, oddShapes } from './draw'

/** Rows and columns. */
export const crossEntropySizes = [
  [1, 1],
  [1, 7],
  [5, 64],
  [9, 513],
  [2, 4001],
] as const

const binary = (op: Op<undefined>, draw: Draw) =>
  oddShapes.map(shape => made(op, [draw.normal(...shape), draw.normal(...shape)], undefined))

const norms = (draw: Draw) =>
  [
    [1, 1],
    [1, 3],
    [3, 5],
    [7, 64],
    [2, 288],
    [33, 31],
    [130, 8],
    [2, 4097],
  ].flatMap(([rows, dim]) => {
    const inputs = () => [draw.normal(rows, dim), draw.normal(dim), draw.normal(rows, dim)]
    return [
      made(rmsNormBackwardOp, inputs(), { eps: 1e-5 }, Math.sqrt(rows)),
      // One column has no deviation: its gradient is a difference of equal numbers.
      ...(dim > 1 ? [made(layerNormBackwardOp, inputs(), { eps: 1e-5 }, Math.sqrt(rows))] : []),
    ]
  })

const crossEntropy = (draw: Draw) =>
  crossEntropySizes.map(([rows, columns]) => {
    const targets = draw.integers([rows], i => (i % 4 === 3 ? -1 : draw.integer(0, columns - 1)))
    return made(crossEntropyBackwardOp, [draw.normal(rows, columns), targets, draw.normal(rows)], undefined, 0.1)
  })

const embedding = (draw: Draw) =>
  [
    // count, vocab, dim
    [1, 1, 1],
    [4, 512, 64],
    [130, 2, 5],
    [65, 33, 7],
  ].map(([count, vocab, dim]) =>
    made(embeddingBackwardOp, [draw.ids(vocab, count), draw.normal(count, dim)], { vocab }, Math.sqrt(count / vocab)),
  )

const squared = (x: Input): Input => ({ ...x, data: Float32Array.from(x.data, value => value * value) })

const optimiser = (draw: Draw) => [
  ...oddShapes.map((shape, i) => {
    const moments = [draw.normal(...shape), squared(draw.normal(...shape))]
    const attributes = { lr: 1e-2, beta1: 0.9, beta2: 0.95, eps: 1e-5, weightDecay: 0.1, step: i + 1 }
    const factor: Input = { ...draw.normal(1), data: Float32Array.of(draw.next()) }
    return made(adamwOp, [draw.normal(...shape), ...moments, draw.normal(...shape), factor], attributes)
  }),
  made(globalNormOp, [draw.normal(3)], undefined),
  made(globalNormOp, [draw.normal(5, 7), draw.normal(1), draw.normal(2000, 3), draw.normal(1024)], undefined),
  // Above 2^20, the longest loop of a kernel.
  made(globalNormOp, [draw.normal(1025, 1024)], undefined),
  ...[0.5, 1, 3].map(norm => made(clipFactorOp, [{ ...draw.normal(1), data: Float32Array.of(norm) }], { maxNorm: 1 })),
]

/** Cases of the gradients' ops and of the optimiser. */
export const drawBackwardCases = (draw: Draw): readonly Case[] => [
  ...binary(reluBackwardOp, draw),
  ...binary(geluBackwardOp, draw),
  ...binary(softmaxBackwardOp, draw),
  ...oddShapes.map(shape =>
    made(siluMulBackwardOp, [draw.normal(...shape), draw.normal(...shape), draw.normal(...shape)], undefined),
  ),
  ...norms(draw),
  ...crossEntropy(draw),
  ...embedding(draw),
  ...attentionSizes.map(size => {
    const { q, k, v, first, last, attributes } = drawAttention(draw, size)
    const dy = draw.normal(...q.shape)
    return made(attentionBackwardOp, [q, k, v, first, last, dy], attributes, 1)
  }),
  ...optimiser(draw),
]
