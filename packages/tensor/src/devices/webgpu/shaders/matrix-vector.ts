import type { Call, Op, Operand } from '../../../op'
import { linearOp } from '../../../ops/linear'
import { linearAddOp } from '../../../ops/linear-add'
import { type NormAttributes, normGatedLinearOp } from '../../../ops/norm-gated-linear'
import { normLinearOp } from '../../../ops/norm-linear'
import { type ProjectionAttributes, projectHeadsOp } from '../../../ops/project-heads'
import { asMatrix } from '../../../shape'
import type { Spec } from '../../../spec'
import { blocksOf, readerOf, readerPrelude } from '../weight-readers'
import {
  areWhole,
  bindings,
  floatWord,
  SHARED_BYTES,
  type ShaderImplementation,
  type ShaderStep,
  type Slot,
  shaderOf,
  storageOf,
  storagesOf,
  times,
  windowsOf,
} from './shader'

// Shapes: R rows of x, D its columns, N rows of the weight.
//
// For a few rows of x the work is to read the weight once. A workgroup computes some outputs of all rows: its lanes read those rows
// of the weight side by side, a unit of up to 32 elements each, and add up their sums. What follows a product (a residual to
// add, a gate, a rotation, a row of the cache) is done where the sum is. How the work is divided among lanes is a variant, for no
// division is the fastest on every GPU.

/** What happens to a product. `pairs` of outputs turn together. */
type Epilogue = 'store' | 'add' | 'gate' | 'rotate' | 'rotate to f32' | 'rotate to f16' | 'to f32' | 'to f16'

/** At and above this many rows, tiles share the weight instead; see `tiled.ts`. */
export const TILED_FROM = 9

/** How a product is divided among lanes, beside the default. */
interface Division {
  readonly name: string
  /** Times the outputs of a workgroup, and times its lanes. */
  readonly outputs: number
  readonly lanes: number
  /** Whether lanes add up their sums by subgroups, rather than by a tree in shared memory. */
  readonly subgroups: boolean
  /** Whether it suits software adapters. */
  readonly software: boolean
}

const division = (
  name: string,
  outputs: number,
  lanes: number,
  { subgroups = false, software = false } = {},
): Division => ({ name, outputs, lanes, subgroups, software })

/** The default first. */
const divisions: readonly Division[] = [
  division('few rows', 1, 1),
  division('few rows, outputs x2', 2, 1),
  division('few rows, outputs /2', 1 / 2, 1),
  division('few rows, lanes x2', 1, 2),
  division('few rows, lanes /2', 1, 1 / 2),
  division('few rows, subgroups', 1, 1, { subgroups: true }),
  division('few rows, subgroups, lanes /2', 1, 1 / 2, { subgroups: true }),
  division('few rows, lanes /16', 1, 1 / 16, { software: true }),
]

/** Number of lanes for a row of this many units. */
const lanesFor = (units: number): number => (units <= 16 ? 16 : units <= 32 ? 32 : 64)

/** The size of the smallest subgroups that WebGPU allows. */
const SMALLEST_SUBGROUP = 4

/** Rows of x that a shader is made for. */
const rowsFor = (rows: number): number => (rows === 1 ? 1 : rows === 2 ? 2 : rows <= 4 ? 4 : 8)

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

interface Form {
  readonly rows: number
  readonly threads: number
  /** Outputs of a workgroup: an even number where pairs of them turn. */
  readonly outputs: number
  readonly subgroups: boolean
  /** x is scaled by its inverse root mean square and by a weight of norms. */
  readonly norm: boolean
  readonly epilogue: Epilogue
}

const readsOf = (epilogue: Epilogue): (readonly [string, string])[] => [
  ...(epilogue === 'add' ? ([['residual', 'f32']] as const) : []),
  ...(epilogue.startsWith('rotate')
    ? ([
        ['cosines', 'f32'],
        ['sines', 'f32'],
        ['positions', 'f32'],
      ] as const)
    : []),
  ...(epilogue.includes('to ') ? ([['cacheRows', 'f32']] as const) : []),
]

/** Vectors of four sums that a lane has: one sum for each output of each weight and row, then the squares of each row. */
const vectorsOf = ({ rows, outputs, norm, epilogue }: Form): number =>
  Math.ceil((rows * outputs * (epilogue === 'gate' ? 2 : 1) + (norm ? rows : 0)) / 4)

/** Entries of shared memory for each of these vectors. */
const slotsOf = ({ threads, subgroups }: Form): number => (subgroups ? threads / SMALLEST_SUBGROUP : threads)

/** WGSL that ends a lane's work: `sumAt(k, r)` is the product of output k and row r of this workgroup, `n` the output's column. */
const ending = (epilogue: Epilogue, outputs: number): string => {
  const value = epilogue.startsWith('rotate')
    ? `
  let pair = (n % params.headDim) / 2u;
  let angle = u32(positions[row]) * (params.headDim / 2u) + pair;
  let cosine = cosines[angle];
  let sine = sines[angle];
  let even = sumAt(k & ~1u, r);
  let odd = sumAt(k | 1u, r);
  let turned = vec2<f32>(even * cosine - odd * sine, even * sine + odd * cosine);`
    : ''
  const own = epilogue.startsWith('rotate') ? 'turned[k & 1u]' : 'sumAt(k, r)'
  const pair = epilogue.startsWith('rotate') ? 'turned' : 'vec2<f32>(sumAt(k, r), sumAt(k + 1u, r))'
  const target = epilogue.includes('to ') ? 'u32(cacheRows[row]) * params.stride + n' : 'row * params.stride + n'
  if (epilogue.endsWith('f16'))
    return `${value}\n  if ((k & 1u) == 0u) { y[(${target}) / 2u] = pack2x16float(${pair}); }`
  if (epilogue === 'add') return `  y[${target}] = residual[${target}] + ${own};`
  if (epilogue === 'gate')
    return `  let gate = ${own};\n  y[${target}] = gate / (1.0 + exp(-gate)) * sumAt(k + ${outputs}u, r);`
  return `${value}\n  y[${target}] = ${own};`
}

const product = shaderOf(
  (weight: Spec, form: Form) => {
    const { rows, threads, outputs, subgroups, norm, epilogue } = form
    const reader = readerOf(weight)
    const { quads, scaling, element } = reader
    const weights = epilogue === 'gate' ? ['gateWeight', 'upWeight'] : ['weight']
    // One sum for each output of each weight and row, then the squares of each row; four in a vec4.
    const perRow = outputs * weights.length
    const count = rows * perRow
    const names = [...range(count).map(i => `sum${i}`), ...(norm ? range(rows).map(r => `squares${r}`) : [])]
    const vectors = vectorsOf(form)
    const slots = slotsOf(form)
    const scaled = (j: number) =>
      ({
        none: `w.q${j}`,
        one: `w.q${j} * w.a`,
        halves: `w.q${j} * w.${j < 4 ? 'a' : 'b'}`,
        affine: `w.q${j} * w.a + w.c`,
      })[scaling]
    const dots = (from: number, to: number) =>
      range(to - from)
        .map(j => `dot(w.q${from + j}, x0_${from + j})`)
        .join(' + ')
    // For one row a factor is applied once a unit; for more, the unit's elements are made once.
    const single = {
      none: dots(0, quads),
      one: `w.a * (${dots(0, quads)})`,
      halves: `w.a * (${dots(0, 4)}) + w.b * (${dots(4, 8)})`,
      affine: `w.a * (${dots(0, quads)}) + w.c * whole`,
    }[scaling]
    const xAt = (r: number, j: number) => {
      const raw = `x[rowOfX${r} + unit * ${quads}u + ${j}u]`
      return norm
        ? `let raw${r}_${j} = ${raw}; squares${r} += dot(raw${r}_${j}, raw${r}_${j}); let x${r}_${j} = raw${r}_${j} * normWeight[unit * ${quads}u + ${j}u];`
        : `let x${r}_${j} = ${raw};`
    }
    const unitOf = (name: string, k: number) => `${name}Unit(rowOfW${k} + unit)`
    const body =
      rows === 1
        ? `${times(quads, j => `    ${xAt(0, j)}`)}
${
  scaling === 'affine'
    ? `    let whole = dot(${range(quads)
        .map(j => `x0_${j}`)
        .join(' + ')}, vec4<f32>(1.0));`
    : ''
}
${weights.flatMap((name, w) => range(outputs).map(k => `    { let w = ${unitOf(name, k)}; sum${w * outputs + k} += ${single}; }`)).join('\n')}`
        : `${weights
            .flatMap((name, w) =>
              range(outputs).map(
                k =>
                  `    let u${w}_${k} = ${unitOf(name, k)};\n${times(quads, j => `    let w${w}_${k}_${j} = ${scaled(j).replaceAll('w.', `u${w}_${k}.`)};`)}`,
              ),
            )
            .join('\n')}
${times(rows, r =>
  times(
    quads,
    j =>
      `    { ${xAt(r, j)} ${weights
        .flatMap((_, w) =>
          range(outputs).map(k => `sum${r * perRow + w * outputs + k} += dot(w${w}_${k}_${j}, x${r}_${j});`),
        )
        .join(' ')} }`,
  ),
)}`
    const sums = range(vectors).map(
      v =>
        `vec4<f32>(${range(4)
          .map(i => names[4 * v + i] ?? '0.0')
          .join(', ')})`,
    )
    // The lanes of a subgroup are neighbours on every GPU known, so that the first of each names its slot.
    const reduction = subgroups
      ? `let leader = subgroupMin(lane);
${times(vectors, v => `  let total${v} = subgroupAdd(${sums[v]});`)}
  if (lane == leader) {
${times(vectors, v => `    partial[${v * slots}u + leader / subgroupSize] = total${v};`)}
  }
  used = max(1u, ${threads}u / subgroupSize);
  workgroupBarrier();`
      : `${times(vectors, v => `  partial[${v * slots}u + lane] = ${sums[v]};`)}
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    if (lane < half) {
${times(vectors, v => `      partial[${v * slots}u + lane] += partial[${v * slots}u + lane + half];`)}
    }
    workgroupBarrier();
  }`
    return {
      name: `product ${reader.name} ${epilogue}${norm ? ' normed' : ''}, ${rows} rows of ${threads} for ${outputs}${subgroups ? ' by subgroups' : ''}`,
      code: /* wgsl */ `${subgroups ? 'enable subgroups;' : ''}
struct Params { units: u32, out: u32, blocks: u32, first: u32, stride: u32, rows: u32, eps: f32, headDim: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings(
  [
    ['x', 'vec4<f32>'],
    ...weights.map(name => [name, element] as const),
    ...(norm ? ([['normWeight', 'vec4<f32>']] as const) : []),
    ...readsOf(epilogue),
  ],
  [['y', epilogue.endsWith('f16') ? 'u32' : 'f32']],
)}
${readerPrelude(weight)}
${weights.map(name => reader.code(name)).join('\n')}
var<workgroup> partial: array<vec4<f32>, ${slots * vectors}>;
${
  subgroups
    ? `var<private> used: u32;
fn sumOf(i: u32) -> f32 {
  var sum = 0.0;
  for (var s = 0u; s < used; s++) { sum += partial[(i / 4u) * ${slots}u + s][i % 4u]; }
  return sum;
}`
    : `fn sumOf(i: u32) -> f32 { return partial[(i / 4u) * ${slots}u][i % 4u]; }`
}
fn sumAt(k: u32, r: u32) -> f32 {
  let sum = sumOf(r * ${perRow}u + k);
  ${norm ? `return sum * inverseSqrt(sumOf(${count}u + r) / f32(params.units * ${4 * quads}u) + params.eps);` : 'return sum;'}
}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32${subgroups ? ', @builtin(subgroup_size) subgroupSize: u32' : ''}) {
  let start = group.x * ${outputs}u;
  // Rows past the end read the last one again; their sums are not written.
${times(outputs, k => `  let rowOfW${k} = min(start + ${k}u, params.out - 1u) * params.units;`)}
${times(rows, r => `  let rowOfX${r} = min(${r}u, params.rows - 1u) * params.units * ${quads}u;`)}
${names.map(name => `  var ${name} = 0.0;`).join('\n')}
  for (var unit = lane; unit < params.units; unit += ${threads}u) {
${body}
  }
  ${reduction}
  let k = lane % ${outputs}u;
  let r = lane / ${outputs}u;
  if (r >= params.rows || start + k >= params.out) { return; }
  let n = params.first + start + k;
  let row = r;
${ending(epilogue, outputs)}
}`,
    }
  },
  (weight, form) => `${readerOf(weight).name} ${Object.values(form).join()}`,
)

interface Plan {
  readonly x: Operand
  /** The weight, or the two of a gate. */
  readonly weights: readonly Operand[]
  readonly norm?: { readonly weight: Operand; readonly eps: number }
  readonly epilogue?: Epilogue
  /** What the epilogue reads. */
  readonly reads?: readonly Slot[]
  readonly writes?: Slot
  readonly headDim?: number
}

const formOf = (
  { outputs, lanes, subgroups }: Division,
  { x, weights: [weight], norm, epilogue = 'store' }: Pick<Plan, 'x' | 'weights' | 'norm' | 'epilogue'>,
): Form => {
  const { columns, rows: rowsOfX } = asMatrix(x.shape)
  const rows = rowsFor(rowsOfX)
  const pairs = epilogue.startsWith('rotate') || epilogue.endsWith('f16')
  const together = Math.max((epilogue === 'gate' || rows > 2 ? 2 : 4) * outputs, pairs ? 2 : 1)
  const threads = Math.max(lanesFor(columns / (4 * readerOf(weight).quads)) * lanes, together * rows)
  return { rows, threads, outputs: together, subgroups, norm: norm !== undefined, epilogue }
}

/** One dispatch for each buffer of the weight. */
const steps = (division: Division, plan: Plan): readonly ShaderStep[] => {
  const { x, weights, norm, reads = [], writes = { output: 0 }, headDim = 0 } = plan
  const { rows, columns } = asMatrix(x.shape)
  const [weight] = weights
  const form = formOf(division, plan)
  return windowsOf(weight).map(({ first, rows: out }, i) => ({
    shader: product(weight, form),
    parameters: [
      ...[columns / (4 * readerOf(weight).quads), out, blocksOf(weight, out), first, weight.shape[0], rows],
      ...[floatWord(norm?.eps ?? 0), headDim],
    ],
    groups: [Math.ceil(out / form.outputs), 1, 1],
    reads: [
      storageOf(x),
      ...weights.map(one => windowsOf(one)[i].storage),
      ...(norm ? [storageOf(norm.weight)] : []),
      ...reads,
    ],
    writes: [writes],
  }))
}

/** Whether a few rows of x meet weights that shaders read by whole units, within the shared memory of a workgroup. */
const fitsFew = (division: Division, plan: Plan): boolean => {
  const { rows, columns } = asMatrix(plan.x.shape)
  if (rows >= TILED_FROM || !plan.weights.every(weight => columns % (4 * readerOf(weight).quads) === 0)) return false
  const form = formOf(division, plan)
  return 16 * vectorsOf(form) * slotsOf(form) <= SHARED_BYTES
}

/** The products of an op. */
interface Products {
  readonly op: Op
  /** Inputs that must lie in one buffer each: all but the weights. */
  whole(inputs: readonly Operand[]): readonly Operand[]
  /** What else must hold. */
  allows?(call: Call): boolean
  plans(call: Call): readonly Plan[]
}

const epsOf = ({ attributes }: Call): number => (attributes as NormAttributes).eps

const products: readonly Products[] = [
  {
    op: linearOp as Op,
    whole: ([x]) => [x],
    plans: ({ inputs: [x, weight] }) => [{ x, weights: [weight] }],
  },
  {
    op: linearAddOp as Op,
    whole: ([x, , residual]) => [x, residual],
    plans: ({ inputs: [x, weight, residual] }) => [
      { x, weights: [weight], epilogue: 'add', reads: storagesOf([residual]) },
    ],
  },
  {
    op: normLinearOp as Op,
    whole: ([x, norm]) => [x, norm],
    plans: call => {
      const [x, weight, projection] = call.inputs
      return [{ x, weights: [projection], norm: { weight, eps: epsOf(call) } }]
    },
  },
  {
    op: normGatedLinearOp as Op,
    whole: ([x, norm]) => [x, norm],
    allows: ({ inputs: [, , gate, up] }) => gate.dtype === up.dtype,
    plans: call => {
      const [x, weight, gate, up] = call.inputs
      return [{ x, weights: [gate, up], epilogue: 'gate', norm: { weight, eps: epsOf(call) } }]
    },
  },
  {
    // Queries are turned; keys are turned and written to the cache; values are written to the cache: three dispatches.
    op: projectHeadsOp as Op,
    whole: ([x, norm, , , , ...others]) => [x, norm, ...others],
    allows: ({ inputs, attributes }) => {
      const [, , , , , , , , keys, values] = inputs
      return (
        (attributes as ProjectionAttributes).pairing === 'interleaved' &&
        (keys.dtype === 'f32' || keys.dtype === 'f16') &&
        keys.dtype === values.dtype
      )
    },
    plans: call => {
      const [x, weight, wq, wk, wv, cosines, sines, positions, keys, values, rows] = call.inputs
      const { headDim } = call.attributes as ProjectionAttributes
      const angles = storagesOf([cosines, sines, positions])
      const common = { x, norm: { weight, eps: epsOf(call) }, headDim }
      const to = keys.dtype as 'f32' | 'f16'
      const row = storageOf(rows)
      return [
        { ...common, weights: [wq], epilogue: 'rotate', reads: angles },
        {
          ...{ ...common, weights: [wk], epilogue: `rotate to ${to}` as const },
          ...{ reads: [...angles, row], writes: storageOf(keys) },
        },
        { ...common, weights: [wv], epilogue: `to ${to}` as const, reads: [row], writes: storageOf(values) },
      ]
    },
  },
]

export const matrixVector: readonly ShaderImplementation[] = products.flatMap(({ op, whole, allows, plans }) =>
  divisions.map(division => ({
    op,
    name: division.name,
    variantOf: division === divisions[0] ? undefined : divisions[0].name,
    feature: division.subgroups ? ('subgroups' as const) : undefined,
    software: division.software,
    fits: call =>
      areWhole(whole(call.inputs)) && (allows?.(call) ?? true) && plans(call).every(plan => fitsFew(division, plan)),
    plan: call => plans(call).flatMap(plan => steps(division, plan)),
  })),
)
