import type { Call, Op } from '../../../op'
import { type ArgMaxAttributes, argMaxOp } from '../../../ops/arg-max'
import { rmsNormOp } from '../../../ops/rms-norm'
import { softmaxOp } from '../../../ops/softmax'
import { asMatrix } from '../../../shape'
import { areWhole, bindings, floatWord, type ShaderImplementation, shaderOf, storagesOf, sumLanes } from './shader'

// Reductions over rows: one workgroup a row, whose lanes read neighbouring elements and add up by a tree.

/** Number of lanes for this many elements. */
const threadsFor = (elements: number): number => (elements >= 1024 ? 256 : elements > 32 ? 64 : 32)

/** Elements that a lane loads at once. */
const widthOf = (columns: number): 1 | 4 => (columns % 4 === 0 ? 4 : 1)

const type = (width: 1 | 4): string => (width === 4 ? 'vec4<f32>' : 'f32')

const main = (threads: number): string => `
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = group.x * params.size;`

const norm = shaderOf((width: 1 | 4, threads: number) => ({
  name: `rmsNorm x${width} of ${threads}`,
  code: /* wgsl */ `
struct Params { size: u32, columns: f32, eps: f32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings(
  [
    ['x', type(width)],
    ['weight', type(width)],
  ],
  [['y', type(width)]],
)}
var<workgroup> sums: array<f32, ${threads}>;
${main(threads)}
  var sum = 0.0;
  for (var d = lane; d < params.size; d += ${threads}u) {
    let value = x[start + d];
    sum += ${width === 4 ? 'dot(value, value)' : 'value * value'};
  }
  sums[lane] = sum;${sumLanes('sums', threads)}
  let inverse = inverseSqrt(sums[0] / params.columns + params.eps);
  for (var d = lane; d < params.size; d += ${threads}u) { y[start + d] = x[start + d] * inverse * weight[d]; }
}`,
}))

const normalise: ShaderImplementation = {
  op: rmsNormOp as Op,
  name: 'row',
  fits: ({ inputs }) => areWhole(inputs) && asMatrix(inputs[0].shape).rows <= 65_535,
  plan: ({ inputs, attributes }) => {
    const { rows, columns } = asMatrix(inputs[0].shape)
    const width = widthOf(columns)
    return [
      {
        shader: norm(width, threadsFor(columns / width)),
        parameters: [columns / width, floatWord(columns), floatWord((attributes as { eps: number }).eps)],
        groups: [rows, 1, 1],
        reads: storagesOf(inputs),
        writes: [{ output: 0 }],
      },
    ]
  },
}

const softmaxRows = shaderOf((width: 1 | 4, threads: number) => ({
  name: `softmax x${width} of ${threads}`,
  code: /* wgsl */ `
struct Params { size: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings([['x', type(width)]], [['y', type(width)]])}
var<workgroup> sums: array<f32, ${threads}>;
${main(threads)}
  var most = x[start];
  for (var d = lane; d < params.size; d += ${threads}u) { most = max(most, x[start + d]); }
  sums[lane] = ${width === 4 ? 'max(max(most.x, most.y), max(most.z, most.w))' : 'most'};
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    if (lane < half) { sums[lane] = max(sums[lane], sums[lane + half]); }
    workgroupBarrier();
  }
  let peak = sums[0];
  workgroupBarrier();
  var sum = ${type(width)}();
  for (var d = lane; d < params.size; d += ${threads}u) { sum += exp(x[start + d] - peak); }
  sums[lane] = ${width === 4 ? 'dot(sum, vec4<f32>(1.0))' : 'sum'};${sumLanes('sums', threads)}
  let inverse = 1.0 / sums[0];
  for (var d = lane; d < params.size; d += ${threads}u) { y[start + d] = exp(x[start + d] - peak) * inverse; }
}`,
}))

const softmax: ShaderImplementation = {
  op: softmaxOp as Op,
  name: 'row',
  fits: ({ inputs }) => areWhole(inputs) && asMatrix(inputs[0].shape).rows <= 65_535,
  plan: ({ inputs }) => {
    const { rows, columns } = asMatrix(inputs[0].shape)
    const width = widthOf(columns)
    return [
      {
        shader: softmaxRows(width, threadsFor(columns / width)),
        parameters: [columns / width],
        groups: [rows, 1, 1],
        reads: storagesOf(inputs),
        writes: [{ output: 0 }],
      },
    ]
  },
}

/**
 * WGSL of `keyOf(bits)`: floats as integers of the same order; a NaN is above all. So no comparison misses a NaN.
 * `isFinite(key)`: that of neither a NaN nor an Infinity.
 */
export const KEY_OF = `
fn isFinite(key: u32) -> bool { return key > 0x007fffffu && key < 0xff800000u; }
fn keyOf(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  if (bits == 0x80000000u) { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}`

const greatest = shaderOf((threads: number) => ({
  name: `argMax of ${threads}`,
  code: /* wgsl */ `
struct Params { size: u32, limit: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings([['x', 'u32']], [['best', 'f32']])}
var<workgroup> keys: array<u32, ${threads}>;
var<workgroup> columns: array<u32, ${threads}>;
${KEY_OF}
${main(threads)}
  var key = 0u;
  var column = 0xffffffffu;
  for (var d = lane; d < params.limit; d += ${threads}u) {
    let candidate = keyOf(x[start + d]);
    if (candidate > key) { key = candidate; column = d; }
  }
  keys[lane] = key;
  columns[lane] = column;
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    if (lane < half) {
      let other = keys[lane + half];
      if (other > keys[lane] || (other == keys[lane] && columns[lane + half] < columns[lane])) {
        keys[lane] = other;
        columns[lane] = columns[lane + half];
      }
    }
    workgroupBarrier();
  }
  if (lane == 0u) { best[group.x] = select(-1.0, f32(columns[0]), isFinite(keys[0])); }
}`,
}))

const argMax: ShaderImplementation = {
  op: argMaxOp as Op,
  name: 'row',
  fits: ({ inputs }: Call) => areWhole(inputs) && asMatrix(inputs[0].shape).rows <= 65_535,
  plan: ({ inputs, attributes }) => {
    const { rows, columns } = asMatrix(inputs[0].shape)
    const { limit } = attributes as ArgMaxAttributes
    return [
      {
        shader: greatest(threadsFor(limit)),
        parameters: [columns, limit],
        groups: [rows, 1, 1],
        reads: storagesOf(inputs),
        writes: [{ output: 0 }],
      },
    ]
  },
}

export const rowReductions: readonly ShaderImplementation[] = [normalise, softmax, argMax]
