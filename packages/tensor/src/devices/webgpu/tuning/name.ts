import type { Op } from '../../../op'
import { attentionOp } from '../../../ops/attention'
import type { AttentionAttributes } from '../../../ops/attention-shape'
import { linearOp } from '../../../ops/linear'
import { linearAddOp } from '../../../ops/linear-add'
import { normGatedLinearOp } from '../../../ops/norm-gated-linear'
import { normLinearOp } from '../../../ops/norm-linear'
import { projectHeadsOp } from '../../../ops/project-heads'
import { asMatrix, format } from '../../../shape'
import type { Spec } from '../../../spec'

/** A call, or an observed one. */
interface Described {
  readonly op: Op
  readonly inputs: readonly Spec[]
  readonly attributes: unknown
}

/** The inputs of an op that are weights. */
const weightsOf = new Map<Op, readonly number[]>([
  [linearOp as Op, [1]],
  [linearAddOp as Op, [1]],
  [normLinearOp as Op, [2]],
  [normGatedLinearOp as Op, [2, 3]],
  [projectHeadsOp as Op, [2, 3, 4]],
])

/** The last row count of each bucket, and its name. What is fastest changes with the rows, but not with each. */
const buckets = [
  [1, '1 row'],
  [8, '2 to 8 rows'],
  [64, '9 to 64 rows'],
  [Number.POSITIVE_INFINITY, 'over 64 rows'],
] as const

/** Rows of a cache up to which a span is short. */
const SHORT_SPAN = 256

/** Rows of a call: tokens of attention, else rows of x. */
export const rowsOf = ({ op, inputs: [{ shape }] }: Pick<Described, 'op' | 'inputs'>): number =>
  op === (attentionOp as Op) ? shape[0] : asMatrix(shape).rows

const bucketOf = (rows: number): string => {
  return (buckets.find(([most]) => rows <= most) as (typeof buckets)[number])[1]
}

/** The kind of call that this is among those which are tuned: op, types, shapes, and how many rows; undefined for an op without variants. */
export const tunedName = (call: Described): string | undefined => {
  const { op, inputs, attributes } = call
  const rows = bucketOf(rowsOf(call))
  if (op === (attentionOp as Op)) {
    const [
      {
        shape: [, heads, headDim],
      },
      {
        dtype,
        shape: [, kvHeads],
      },
    ] = inputs
    const long = (attributes as AttentionAttributes).span > SHORT_SPAN
    return `attention ${dtype}, ${heads} heads on ${kvHeads} of ${headDim}, ${rows}, behind ${long ? 'over' : 'up to'} ${SHORT_SPAN}`
  }
  const weights = weightsOf.get(op)?.map(i => `${inputs[i].dtype} ${format(inputs[i].shape)}`)
  return weights && `${op.name} ${weights.join(' ')}, ${rows}`
}
