import { attention } from '../../src'
import type { Device, DeviceOptions } from '../../src/device'
import { openDevice } from '../../src/devices/registry'
import { shaderImplementations } from '../../src/devices/webgpu/shaders'
import { matrixFeature, matrixSizes } from '../../src/devices/webgpu/shaders/matrices'
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

const inF32 = (code: string): string =>
  code.replace('enable f16;', '').replace(/alias (Half|Element) = f16;/, 'alias $1 = f32;')

/** Matrices as arrays, which each lane of a subgroup multiplies alone, in place of those of the extension. */
const matricesAsArrays = (code: string): string => {
  const [, k, m] = /subgroup_matrix_left<Element, (\d+), (\d+)>/.exec(code) ?? []
  const [, n] = /subgroup_matrix_right<Element, (\d+), /.exec(code) ?? []
  if (n === undefined) return code
  const loop = (rows: string, columns: string, body: string) =>
    `for (var r = 0u; r < ${rows}u; r++) { for (var c = 0u; c < ${columns}u; c++) { ${body} } }`
  return `${code
    .replace('enable chromium_experimental_subgroup_matrix;', '')
    .replace(/diagnostic\(off, chromium\.subgroup_matrix_uniformity\);/, '')
    .replace(/subgroup_matrix_left<.*>/, `array<Element, ${m} * ${k}>`)
    .replace(/subgroup_matrix_right<.*>/, `array<Element, ${k} * ${n}>`)
    .replace(/subgroup_matrix_result<.*>/, `array<f32, ${m} * ${n}>`)
    .replace('subgroupMatrixLoad<Left, row_major>(&sliceX,', 'loadLeft(')
    .replace('subgroupMatrixLoad<Right, col_major>(&sliceW,', 'loadRight(')
    .replace('subgroupMatrixMultiplyAccumulate(', 'multiplyAdd(')
    .replace('subgroupMatrixStore<row_major>(&outputs,', 'store(')}
fn loadLeft(at: u32, stride: u32) -> Left {
  var left: Left;
  ${loop(m, k, `left[r * ${k}u + c] = sliceX[at + r * stride + c];`)}
  return left;
}
fn loadRight(at: u32, stride: u32) -> Right {
  var right: Right;
  ${loop(k, n, `right[r * ${n}u + c] = sliceW[at + c * stride + r];`)}
  return right;
}
fn multiplyAdd(left: Left, right: Right, before: Sums) -> Sums {
  var sums = before;
  ${loop(m, n, `for (var i = 0u; i < ${k}u; i++) { sums[r * ${n}u + c] += f32(left[r * ${k}u + i] * right[i * ${n}u + c]); }`)}
  return sums;
}
fn store(at: u32, sums: Sums, stride: u32) {
  ${loop(m, n, `outputs[at + r * stride + c] = sums[r * ${n}u + c];`)}
}`
}

/**
 * Where a GPU lacks f16 or units for matrices, lets the shaders that need them run in f32 and on arrays: the rest is the same code.
 * @returns whether numbers are rounded to f16
 */
const emulate = (device: Device): boolean => {
  const { gpu, features } = device as unknown as { readonly gpu: GPUDevice; readonly features: ReadonlySet<string> }
  const f16 = gpu.features.has('shader-f16')
  const create = gpu.createShaderModule.bind(gpu)
  gpu.createShaderModule = descriptor => {
    const code = matricesAsArrays(descriptor.code)
    return create({ ...descriptor, code: f16 ? code : inF32(code) })
  }
  const emulated = ['shader-f16', ...matrixSizes.map(matrixFeature)]
  Object.defineProperty(device, 'features', { value: new Set([...features, ...emulated]) })
  return f16
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
  const rounds = emulate(device) && roundsToF16(name)
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
