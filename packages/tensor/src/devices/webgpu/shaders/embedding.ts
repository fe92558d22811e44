import type { Op } from '../../../op'
import { embeddingOp } from '../../../ops/embedding'
import { sizeOf } from '../../../shape'
import { readerOf, scalesAt } from '../weights'
import { type ShaderImplementation, shaderByType } from './shader'

const THREADS = 64

// Rows of a quantised table. Those of an f32 one are a kernel's work.
const gather = shaderByType(dtype => ({
  name: `embedding ${dtype}`,
  code: /* wgsl */ `
struct Params { size: u32, scales: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<f32>;
@group(0) @binding(2) var<storage, read> weight: ${readerOf(dtype).binding};
@group(0) @binding(3) var<storage, read_write> rows: array<vec4<f32>>;
${readerOf(dtype).code}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.size) { return; }
  rows[id.y * params.size + id.x] = weightQuad(u32(ids[id.y]), id.x);
}`,
}))

export const gatherRows: ShaderImplementation = {
  op: embeddingOp as Op,
  name: 'gather',
  fits: ({ inputs: [, weight] }) => weight.dtype !== 'f32',
  plan: ({ inputs: [ids, weight] }) => {
    const quads = weight.shape[1] / 4
    return {
      shader: gather(weight.dtype),
      parameters: [quads, scalesAt(weight.dtype, sizeOf(weight.shape))],
      groups: [Math.ceil(quads / THREADS), sizeOf(ids.shape), 1],
    }
  },
}
