import type { Op } from '../../../op'
import { writeRowsOp } from '../../../ops/write-rows'
import { sizeOf } from '../../../shape'
import type { ShaderImplementation } from './shader'

const THREADS = 64

// A kernel of gpu.js writes each element of its output; this one writes its rows alone, and leaves the cache where it is.
const writeRows = {
  name: 'writeRowsInPlace',
  code: /* wgsl */ `
struct Params { width: u32, total: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read_write> cache: array<f32>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * ${THREADS}u;
  if (i >= params.total) { return; }
  let token = i / params.width;
  cache[u32(rows[token]) * params.width + i % params.width] = source[i];
}`,
}

export const writeRowsInPlace: ShaderImplementation = {
  op: writeRowsOp as Op,
  name: 'in place',
  fits: ({ inputs: [target] }) => target.dtype === 'f32',
  plan: ({ inputs: [target, source] }) => {
    const total = sizeOf(source.shape)
    const groups = Math.ceil(total / THREADS)
    const folded = Math.ceil(groups / 65535)
    return {
      shader: writeRows,
      parameters: [sizeOf(target.shape.slice(1)), total],
      groups: [Math.ceil(groups / folded), folded, 1],
    }
  },
}
