import { type Precision, precisions } from '../../../device'
import type { Call, Op } from '../../../op'
import { shaderImplementations } from '../shaders'
import type { ShaderImplementation } from '../shaders/shader'
import { rowsOf, tunedName } from './name'
import type { Contest } from './tune'

/** A contest for a planned call. */
export interface PlannedContest extends Contest {
  readonly call: Call
  readonly candidates: readonly ShaderImplementation[]
  /** Changes with the shaders, so that verdicts on others do not count. */
  readonly code: string
}

/** What a variant may need. */
interface Leave {
  readonly features: ReadonlySet<string>
  /** The least precise numbers in which it may compute. */
  readonly precision: Precision
  /** Whether a processor runs the shaders: what suits it alone is measured there alone. */
  readonly software: boolean
}

/** The implementations between which a call is open: the one that it has by default and its variants; undefined if there is one alone. */
export const contestOf = (call: Call, standard: ShaderImplementation, leave: Leave): PlannedContest | undefined => {
  const name = tunedName(call)
  if (name === undefined) return undefined
  const candidates = new Map<string, ShaderImplementation>()
  let code = ''
  for (const one of [standard, ...variantsOf(standard, leave)]) {
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

const variantsOf = (standard: ShaderImplementation, { features, precision, software }: Leave) =>
  shaderImplementations.filter(
    one =>
      one.op === standard.op &&
      one !== standard &&
      familyOf(one) === familyOf(standard) &&
      (software || !one.software) &&
      (one.feature === undefined || features.has(one.feature)) &&
      precisions.indexOf(one.precision ?? 'f32') <= precisions.indexOf(precision),
  )

const familyOf = ({ name, variantOf = name }: ShaderImplementation): string => variantOf

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
    const name = tunedName(call)
    return name === undefined ? undefined : this.#chosen.get(name)
  }
}
