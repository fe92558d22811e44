import type { Op } from '../../../op'
import { embeddingOp } from '../../../ops/embedding'
import { sizeOf } from '../../../shape'
import type { Spec } from '../../../spec'
import { blocksOf, readerOf, readerPrelude } from '../weight-readers'
import { bindings, type ShaderImplementation, shaderOf, storageOf, windowsOf } from './shader'

const THREADS = 64

// A lane reads four elements of a row. A table in several buffers is read by one dispatch each, which writes only its own rows.
const gather = shaderOf(
  (weight: Spec) => {
    const { name, element, code } = readerOf(weight)
    return {
      name: `embedding ${name}`,
      code: /* wgsl */ `
struct Params { size: u32, blocks: u32, first: u32, rows: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings(
  [
    ['ids', 'f32'],
    ['weight', element],
  ],
  [['y', 'vec4<f32>']],
)}
${readerPrelude(weight)}
${code('weight')}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = u32(ids[id.y]) - params.first;
  if (id.x >= params.size || row >= params.rows) { return; }
  y[id.y * params.size + id.x] = weightQuad(row * params.size + id.x);
}`,
    }
  },
  weight => readerOf(weight).name,
)

export const gatherRows: ShaderImplementation = {
  op: embeddingOp as Op,
  name: 'gather',
  fits: ({ inputs: [ids, weight] }) => weight.shape[1] % 4 === 0 && sizeOf(ids.shape) <= 65_535,
  plan: ({ inputs: [ids, weight] }) => {
    const quads = weight.shape[1] / 4
    return windowsOf(weight).map(({ storage, first, rows }) => ({
      shader: gather(weight),
      parameters: [quads, blocksOf(weight, rows), first, rows],
      groups: [Math.ceil(quads / THREADS), sizeOf(ids.shape), 1],
      reads: [storageOf(ids), storage],
      writes: [{ output: 0 }],
    }))
  },
}
