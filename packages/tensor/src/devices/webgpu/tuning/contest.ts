import type { Call, Op } from '../../../op'
import { attentionOp } from '../../../ops/attention'
import type { AttentionAttributes } from '../../../ops/attention-shape'
import { linearOp } from '../../../ops/linear'
import { linearAddOp } from '../../../ops/linear-add'
import { normGatedLinearOp } from '../../../ops/norm-gated-linear'
import { normLinearOp } from '../../../ops/norm-linear'
import { projectHeadsOp } from '../../../ops/project-heads'
import { asMatrix, format } from '../../../shape'
import { shaderImplementations } from '../shaders'
import type { ShaderImplementation } from '../shaders/shader'
import type { Contest } from './tune'

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
export const rowsOf = ({ op, inputs: [{ shape }] }: Pick<Call, 'op' | 'inputs'>): number =>
  op === (attentionOp as Op) ? shape[0] : asMatrix(shape).rows

const bucketOf = (rows: number): string => {
  return (buckets.find(([most]) => rows <= most) as (typeof buckets)[number])[1]
}

/** Which contest a call belongs to; undefined for an op without variants. */
export const contestName = (call: Call): string | undefined => {
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

/** A contest for a planned call. */
export interface PlannedContest extends Contest {
  readonly call: Call
  readonly candidates: readonly ShaderImplementation[]
  /** Changes with the shaders, so that verdicts on others do not count. */
  readonly code: string
}

/** The implementations between which a call is open: the one that it has by default and its variants; undefined if there is one alone. */
export const contestOf = (
  call: Call,
  standard: ShaderImplementation,
  features: ReadonlySet<string>,
): PlannedContest | undefined => {
  const name = contestName(call)
  if (name === undefined) return undefined
  const candidates = new Map<string, ShaderImplementation>()
  let code = ''
  for (const one of [standard, ...variantsOf(standard, features)]) {
    if (!one.fits(call)) continue
    const steps = one.plan(call)
    // Variants may come to the same for a small call.
    const work = steps.map(({ shader, groups }) => `${shader.name} ${groups}`).join()
    if (candidates.has(work)) continue
    candidates.set(work, one)
    code += steps.map(({ shader }) => shader.code).join('\n')
  }
  if (candidates.size === 1) return undefined
  const each = [...candidates.values()]
  return { name, call, candidates: each, implementations: each.map(one => one.name), code: hashOf(code) }
}

const variantsOf = ({ op, name }: ShaderImplementation, features: ReadonlySet<string>) =>
  shaderImplementations.filter(
    one => one.op === op && one.variantOf === name && (one.feature === undefined || features.has(one.feature)),
  )

/** FNV-1a over UTF-16 units. */
export const hashOf = (text: string): string => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

/** Steps of one token first, then prompts; among those, what moves or computes most. */
export const byImportance = (contests: readonly PlannedContest[]): readonly PlannedContest[] => {
  const rank = ({ call }: PlannedContest): number => (rowsOf(call) === 1 ? 1 : 0)
  const cost = ({ call: { op, inputs, attributes } }: PlannedContest): number => op.cost(inputs, attributes).flops
  return contests.toSorted((a, b) => rank(b) - rank(a) || cost(b) - cost(a))
}

/** What measurements chose, by contest. */
export class Choices {
  readonly #chosen = new Map<string, string>()
  readonly #ops = new Set<Op>()

  // Its parameters name no type of a GPU: the device that has choices is public.
  set(op: Op, contest: string, implementation: string): void {
    this.#chosen.set(contest, implementation)
    this.#ops.add(op)
  }

  of(call: Call): string | undefined {
    if (!this.#ops.has(call.op)) return undefined
    const name = contestName(call)
    return name === undefined ? undefined : this.#chosen.get(name)
  }
}
