import { linearAddOp } from '../../src/ops/linear-add'
import { normGatedLinearOp } from '../../src/ops/norm-gated-linear'
import { normLinearOp } from '../../src/ops/norm-linear'
import { projectHeadsOp } from '../../src/ops/project-heads'
import { type Case, type Draw, made } from './draw'

const sizes = [
  // rows, in, out
  [1, 1, 1],
  [1, 64, 64],
  [2, 33, 5],
  [3, 68, 31],
  [5, 64, 172],
  [8, 352, 9],
  [17, 64, 33],
] as const

const heads = [
  // tokens, dim, heads, kv heads, head dim, rows of the cache
  [1, 64, 8, 4, 8, 9],
  [1, 12, 3, 3, 6, 1],
  [2, 64, 2, 1, 32, 5],
  [5, 20, 4, 2, 10, 40],
  [12, 32, 4, 4, 8, 12],
] as const

/** Cases of the ops that are expressions of other ops. */
export const drawCompositeCases = (draw: Draw): readonly Case[] => [
  ...sizes.flatMap(([rows, size, out]) => {
    const x = draw.normal(rows, size)
    const weights = [draw.normal(out, size), draw.normal(out, size)]
    const norm = draw.normal(size)
    const typical = Math.sqrt(size)
    return [
      made(linearAddOp, [x, weights[0], draw.normal(rows, out)], undefined, typical),
      made(normLinearOp, [x, norm, weights[0]], { eps: 1e-5 }, typical),
      made(normGatedLinearOp, [x, norm, ...weights], { eps: 1e-6 }, typical),
    ]
  }),
  ...heads.flatMap(([tokens, dim, count, kvHeads, headDim, rows]) =>
    (['interleaved', 'halves'] as const).map(pairing =>
      made(
        projectHeadsOp,
        [
          ...[draw.normal(tokens, dim), draw.normal(dim)],
          ...[count, kvHeads, kvHeads].map(of => draw.normal(of * headDim, dim)),
          ...[draw.normal(7, headDim / 2), draw.normal(7, headDim / 2), draw.ids(7, tokens)],
          ...[draw.normal(rows, kvHeads, headDim), draw.normal(rows, kvHeads, headDim), draw.distinct(tokens, rows)],
        ],
        { eps: 1e-5, headDim, pairing },
        Math.sqrt(dim),
      ),
    ),
  ),
]
