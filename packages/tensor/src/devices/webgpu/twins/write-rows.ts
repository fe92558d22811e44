import { sizeOf } from '../../../shape'
import type { ShaderTwin } from './shader'

const THREADS = 64

// A kernel of gpu.js writes each element of its output; this one writes its rows alone, and leaves the cache where it is.
const writeRows = {
  name: 'writeRowsInPlace',
  code: /* wgsl */ `
struct Params { row: u32, rows: u32, width: u32, count: u32, total: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> cache: array<f32>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * ${THREADS}u;
  if (i >= params.total) { return; }
  let chunk = params.count * params.width;
  let batch = i / chunk;
  cache[(batch * params.rows + params.row) * params.width + i % chunk] = source[i];
}`,
}

export const writeRowsTwin: ShaderTwin = {
  op: 'writeRows',
  plan: ([target, source], { row }: { row: number }) => {
    const total = sizeOf(source.shape)
    const groups = Math.ceil(total / THREADS)
    const folded = Math.ceil(groups / 65535)
    return {
      shader: writeRows,
      parameters: [row, target.shape[1], sizeOf(target.shape.slice(2)), source.shape[1], total],
      groups: [Math.ceil(groups / folded), folded, 1],
      inPlace: true,
    }
  },
}
