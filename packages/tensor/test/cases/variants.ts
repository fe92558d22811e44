import { attention } from '../../src'
import type { Device, DeviceOptions } from '../../src/device'
import { openDevice } from '../../src/devices/registry'
import { shaderImplementations } from '../../src/devices/webgpu/shaders'
import { attentionOp } from '../../src/ops/attention'
import { drawAttention } from './attention'
import { type Outcome, relativeError, runCases, TOLERANCE } from './check'
import { Draw } from './draw'
import { runOnGrid, runQuantised } from './quantised'

/** The shaders of "webgpu" that have variants, those variants, and the ops of each. */
export const variants: ReadonlyMap<string, readonly string[]> = (() => {
  const found = new Map<string, string[]>()
  const families = new Set(shaderImplementations.map(({ variantOf }) => variantOf))
  for (const { op, name, variantOf = name } of shaderImplementations)
    if (families.has(variantOf)) found.set(name, [...(found.get(name) ?? []), op.name])
  return found
})()

/** The defaults of hardware and of software adapters. */
export const defaults: readonly string[] = [...variants.keys()].filter(name =>
  shaderImplementations.some(one => one.name === name && (one.variantOf === undefined || one.software)),
)

const roundsX = (name: string): boolean =>
  shaderImplementations.some(one => one.name === name && one.precision === 'int8')

const roundsToF16 = (name: string): boolean =>
  shaderImplementations.some(one => one.name === name && one.precision === 'f16')

/**
 * How far results of f16 may be off: either factor of a product moves by up to 2^-11 of itself, evenly. Both moves have a standard
 * deviation of less than that share of the product, and their sums stay within six.
 */
const F16_TOLERANCE = TOLERANCE + 6 * 2 ** -11

/**
 * On a GPU without f16, lets the shaders that need it run in f32: the same code but for the type of what tiles hold.
 * @returns whether it does
 */
const emulateF16 = (device: Device): boolean => {
  const { gpu, features } = device as unknown as { readonly gpu: GPUDevice; readonly features: ReadonlySet<string> }
  if (gpu.features.has('shader-f16')) return false
  const create = gpu.createShaderModule.bind(gpu)
  gpu.createShaderModule = descriptor =>
    create({
      ...descriptor,
      code: descriptor.code.replace('enable f16;', '').replace('alias Half = f16;', 'alias Half = f32;'),
    })
  Object.defineProperty(device, 'features', { value: new Set([...features, 'shader-f16']) })
  return true
}

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
  const rounds = !emulateF16(device) && roundsToF16(name)
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
  if (rounds) return { calls, outcomes: outcomes.map(outcome => ({ ...outcome, limit: F16_TOLERANCE })) }
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
