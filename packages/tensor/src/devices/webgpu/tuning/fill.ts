import type { GpuStorage } from '../buffers'
import type { PartKind } from '../pack-weight'
import { bindings, foldGroups, type Shader, type ShaderStep } from '../shaders/shader'

const THREADS = 256

/** How words are made of random bits `h`. */
const words: Readonly<Record<PartKind, string>> = {
  f32: 'bitcast<u32>(unit(h))',
  f16: 'pack2x16float(vec2<f32>(unit(h), unit(h * 31u)))',
  bf16: '(bitcast<u32>(unit(h)) >> 16u) | (bitcast<u32>(unit(h * 31u)) & 0xffff0000u)',
  bits: 'h',
  'f16 scales': 'pack2x16float(vec2<f32>(0.03) + 0.02 * vec2<f32>(unit(h), unit(h * 31u)))',
  'headers of q4_k':
    'select(h, pack2x16float(vec2<f32>(0.003) + 0.002 * vec2<f32>(unit(h), unit(h * 31u))), i % 4u == 0u)',
}

const shaders = new Map<PartKind, Shader>()

const shaderOf = (kind: PartKind): Shader => ({
  name: `fill ${kind}`,
  code: /* wgsl */ `
struct Params { start: u32, count: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings([], [['y', 'u32']])}
/** -1 to 1 */
fn unit(bits: u32) -> f32 { return f32(bits >> 8u) / 8388608.0 - 1.0; }
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * ${THREADS}u;
  if (i >= params.count) { return; }
  var h = (i + params.start) * 0x9e3779b1u;
  h = (h ^ (h >> 15u)) * 0x85ebca77u;
  h = (h ^ (h >> 13u)) * 0xc2b2ae3du;
  h = h ^ (h >> 16u);
  y[params.start + i] = ${words[kind]};
}`,
})

/** Writes random numbers of a kind into words of a buffer. */
export const fillStep = (storage: GpuStorage, kind: PartKind, from: number, count: number): ShaderStep => {
  const shader = shaders.get(kind) ?? shaderOf(kind)
  shaders.set(kind, shader)
  return {
    shader,
    parameters: [from, count],
    groups: foldGroups(Math.ceil(count / THREADS)),
    reads: [],
    writes: [storage],
  }
}
