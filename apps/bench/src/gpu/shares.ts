import type { DType } from '@cria/dtypes'
import type { LlamaWeights } from '@cria/llama'
import { type TuningReport, tunedName } from '@cria/tensor'
import { openDevice, planDecode, tuneFor } from 'cria'

/** What the tuner found for a model, and how a step of one token is made of it. */
export interface GpuTuning extends TuningReport {
  /** Calls of a step whose time is known, the most expensive first. */
  readonly step: readonly StepShare[]
}

export interface StepShare {
  readonly call: string
  readonly count: number
  /** Of all of its calls, in microseconds. */
  readonly microseconds: number
  /** Of the sum over all that is known. */
  readonly share: number
}

/** Measures all variants for a model, however long that takes, and adds up a step. */
export const measureTuning = async (
  { config, tensors }: Pick<LlamaWeights, 'config' | 'tensors'>,
  weights: DType,
  depth: number,
): Promise<GpuTuning> => {
  await using device = await openDevice('webgpu', { tune: 'on' })
  const report = await tuneFor(device, config, { tensors })
  if (!report) throw new Error('the device does not tune')
  return { ...report, step: sharesOf(report, await countCalls(config, weights, depth)) }
}

/** How often a step makes each call that is tuned. */
const countCalls = async (
  config: LlamaWeights['config'],
  weights: DType,
  depth: number,
): Promise<Map<string, number>> => {
  await using plan = await openDevice('shape', { plan: { device: 'webgpu' } })
  const counts = new Map<string, number>()
  let passes = 0
  using _observing = plan.observe({
    call: seen => {
      if (seen.op.name === 'embedding') passes++
      const name = tunedName(seen)
      if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1)
    },
  })
  await planDecode(config, plan, depth, weights)
  return new Map([...counts].map(([name, count]) => [name, count / passes]))
}

export const sharesOf = (
  { choices }: Pick<TuningReport, 'choices'>,
  counts: ReadonlyMap<string, number>,
): readonly StepShare[] => {
  const known = choices.flatMap(({ call, chosen, microseconds }) => {
    const count = counts.get(call)
    return count === undefined ? [] : [{ call, count, microseconds: count * microseconds[chosen] }]
  })
  const sum = known.reduce((total, { microseconds }) => total + microseconds, 0)
  return known
    .map(one => ({ ...one, share: sum === 0 ? 0 : one.microseconds / sum }))
    .sort((a, b) => b.microseconds - a.microseconds)
}
