import type { Op } from '../../../op'
import { addOp } from '../../../ops/add'
import { mulOp } from '../../../ops/mul'
import { siluMulOp } from '../../../ops/silu-mul'
import { sizeOf } from '../../../shape'
import { areWhole, bindings, foldGroups, type ShaderImplementation, storagesOf } from './shader'

const THREADS = 64

// Four elements a lane. A buffer is a multiple of 256 bytes, so the last vec4 may hold elements beyond the tensor.
const elementwise = (op: Op<undefined>, expression: string): ShaderImplementation => {
  const shader = {
    name: `${op.name} x4`,
    code: /* wgsl */ `
struct Params { size: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings(
  [
    ['first', 'vec4<f32>'],
    ['second', 'vec4<f32>'],
  ],
  [['y', 'vec4<f32>']],
)}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * ${THREADS}u;
  if (i >= params.size) { return; }
  let a = first[i];
  let b = second[i];
  y[i] = ${expression};
}`,
  }
  return {
    op: op as Op,
    name: 'quads',
    fits: ({ inputs }) => areWhole(inputs),
    plan: ({ inputs }) => {
      const quads = Math.ceil(sizeOf(inputs[0].shape) / 4)
      return [
        {
          shader,
          parameters: [quads],
          groups: foldGroups(Math.ceil(quads / THREADS)),
          reads: storagesOf(inputs),
          writes: [{ output: 0 }],
        },
      ]
    },
  }
}

export const elementwiseQuads: readonly ShaderImplementation[] = [
  elementwise(addOp, 'a + b'),
  elementwise(mulOp, 'a * b'),
  elementwise(siluMulOp, 'a / (1.0 + exp(-a)) * b'),
]
