import type { Op } from '../../../op'
import { attentionOp } from '../../../ops/attention'
import { cacheType, extentsOf, isReadable, load } from './attention'
import { bindings, floatWord, type ShaderImplementation, shaderOf, storagesOf, times } from './shader'

// Shapes: N tokens, H heads, K kv heads, C head dim, S rows of keys and values.

/** Threads of a workgroup: the lanes of a software adapter. */
const THREADS = 4
/** The sums of a head are registers. */
const MOST_HEAD_DIM = 128

// A thread walks over the rows that one head of one token sees, with a running maximum and sum (online softmax). It waits for no
// other: where threads take turns on a core, that saves more than shared keys do.
const walk = shaderOf((dtype: 'f32' | 'f16', headDim: number) => {
  const quads = headDim / 4
  const form = { dtype, headDim }
  return {
    name: `attentionDirect ${dtype} ${headDim}`,
    code: /* wgsl */ `
struct Params { heads: u32, kvHeads: u32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings(
  [
    ['q', 'vec4<f32>'],
    ['k', cacheType(form)],
    ['v', cacheType(form)],
    ['first', 'f32'],
    ['last', 'f32'],
  ],
  [['y', 'vec4<f32>']],
)}
${load('k', form)}
${load('v', form)}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let head = id.x;
  let token = id.y;
  if (head >= params.heads) { return; }
  let kvHead = head / (params.heads / params.kvHeads);
  let own = (token * params.heads + head) * ${quads}u;
${times(quads, c => `  let query${c} = q[own + ${c}u] * params.scale;\n  var sum${c} = vec4<f32>();`)}
  var peak = -3e38;
  var total = 0.0;
  let end = u32(last[token]) + 1u;
  for (var row = u32(first[token]); row < end; row++) {
    let at = (row * params.kvHeads + kvHead) * ${quads}u;
    var score = 0.0;
${times(quads, c => `    score += dot(query${c}, kAt(at + ${c}u));`)}
    let before = peak;
    peak = max(peak, score);
    let shrink = exp(before - peak);
    let weight = exp(score - peak);
    total = total * shrink + weight;
${times(quads, c => `    sum${c} = sum${c} * shrink + weight * vAt(at + ${c}u);`)}
  }
${times(quads, c => `  y[own + ${c}u] = sum${c} / total;`)}
}`,
  }
})

export const attentionDirect: ShaderImplementation = {
  op: attentionOp as Op,
  name: 'direct',
  variantOf: 'online',
  software: true,
  fits: call => {
    const { headDim } = extentsOf(call)
    return isReadable(call) && headDim % 4 === 0 && headDim <= MOST_HEAD_DIM
  },
  plan: call => {
    const { tokens, heads, headDim, kvHeads, factor } = extentsOf(call)
    return [
      {
        shader: walk(call.inputs[1].dtype as 'f32' | 'f16', headDim),
        parameters: [heads, kvHeads, floatWord(factor)],
        groups: [Math.ceil(heads / THREADS), tokens, 1],
        reads: storagesOf(call.inputs),
        writes: [{ output: 0 }],
      },
    ]
  },
}
