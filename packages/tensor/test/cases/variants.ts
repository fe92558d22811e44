import { attention } from '../../src'
import type { DeviceOptions } from '../../src/device'
import { openDevice } from '../../src/devices/registry'
import { shaderImplementations } from '../../src/devices/webgpu/shaders'
import { attentionOp } from '../../src/ops/attention'
import { drawAttention } from './attention'
import { type Outcome, relativeError, runCases, TOLERANCE } from './check'
import { Draw } from './draw'
import { runOnGrid, runQuantised } from './quantised'

/** The variants of the shaders of "webgpu", and the ops that have each. */
export const variants: ReadonlyMap<string, readonly string[]> = (() => {
  const found = new Map<string, string[]>()
  for (const { op, name, variantOf } of shaderImplementations)
    if (variantOf !== undefined) found.set(name, [...(found.get(name) ?? []), op.name])
  return found
})()

const roundsX = (name: string): boolean =>
  shaderImplementations.some(one => one.name === name && one.precision === 'int8')

/** Allows one variant of its ops, and for calls that it does not fit another kind of implementation. */
export const forced = (name: string): DeviceOptions['force'] => {
  const others = name.startsWith('few rows') || roundsX(name) ? ['tiled', 'kernels'] : ['kernels']
  return Object.fromEntries((variants.get(name) ?? []).map(op => [op, [name, ...others]]))
}

export interface VariantOutcome {
  /** Calls that the variant itself computed. */
  readonly calls: number
  readonly outcomes: readonly Outcome[]
}

/** Runs all cases of a variant's ops with it. */
export const runVariant = async (name: string, seed: number): Promise<VariantOutcome> => {
  await using device = await openDevice('webgpu', { force: forced(name) })
  const ops = variants.get(name) ?? []
  let calls = 0
  using _observing = device.observe({
    call: ({ implementation }) => {
      if (implementation === name) calls++
    },
  })
  const outcomes = await runCases(device, seed, ops)
  if (ops.includes('linear')) outcomes.push(...(await runQuantised(device, seed, roundsX(name))))
  if (roundsX(name)) outcomes.push(...(await runOnGrid(device, seed)))
  if (!ops.includes('attention')) return { calls, outcomes }
  // Behind contexts of any length, so that any number of workgroups share a row.
  const draw = new Draw(seed)
  for (let i = 0; i < 6; i++) {
    using _scope = device.scope()
    const size = { tokens: draw.integer(1, 3), heads: 4, kvHeads: 2, headDim: 4 * draw.integer(1, 16) }
    const before = draw.integer(100, 1500)
    const { q, k, v, first, last, attributes } = drawAttention(draw, { ...size, before, spare: 3, mask: 'causal' })
    const upload = ({ data, shape, dtype }: typeof q) =>
      device.tensor(dtype === 'i32' ? Int32Array.from(data) : Float32Array.from(data), shape, dtype)
    const y = attention(upload(q), upload(k), upload(v), { first: upload(first), last: upload(last), ...attributes })
    const [expected] = attentionOp.reference([q, k, v, first, last], attributes)
    const error = relativeError(await y.read(), expected)
    outcomes.push({ op: 'attention', shapes: `${JSON.stringify(size)} behind ${before}`, error, limit: TOLERANCE })
  }
  return { calls, outcomes }
}
