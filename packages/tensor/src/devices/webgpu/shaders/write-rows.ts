import type { Op } from '../../../op'
import { writeRowsOp } from '../../../ops/write-rows'
import { sizeOf } from '../../../shape'
import { areWhole, bindings, foldGroups, type ShaderImplementation, shaderOf, storageOf } from './shader'

const THREADS = 64

// A kernel of gpu.js writes each element of its output; this writes the rows alone. A lane writes one word: an f32, or two f16.
const writeRows = shaderOf((dtype: 'f32' | 'f16') => ({
  name: `writeRows ${dtype}`,
  code: /* wgsl */ `
struct Params { words: u32, total: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings(
  [
    ['source', dtype === 'f16' ? 'vec2<f32>' : 'f32'],
    ['rows', 'f32'],
  ],
  [['cache', dtype === 'f16' ? 'u32' : 'f32']],
)}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * ${THREADS}u;
  if (i >= params.total) { return; }
  cache[u32(rows[i / params.words]) * params.words + i % params.words] = ${dtype === 'f16' ? 'pack2x16float(source[i])' : 'source[i]'};
}`,
}))

export const writeRowsInPlace: ShaderImplementation = {
  op: writeRowsOp as Op,
  name: 'in place',
  fits: ({ inputs }) => areWhole(inputs) && (inputs[0].dtype === 'f32' || inputs[0].dtype === 'f16'),
  plan: ({ inputs: [target, source, rows] }) => {
    const elements = target.dtype === 'f16' ? 2 : 1
    const total = sizeOf(source.shape) / elements
    return [
      {
        shader: writeRows(target.dtype as 'f32' | 'f16'),
        parameters: [sizeOf(target.shape.slice(1)) / elements, total],
        groups: foldGroups(Math.ceil(total / THREADS)),
        reads: [storageOf(source), storageOf(rows)],
        writes: [storageOf(target)],
      },
    ]
  },
}
