import type { Call, Op } from '../../../op'
import { attentionOp } from '../../../ops/attention'
import { type AttentionAttributes, attentionExtents } from '../../../ops/attention-shape'
import {
  areWhole,
  bindings,
  floatWord,
  type ShaderImplementation,
  type ShaderStep,
  shaderOf,
  storagesOf,
  times,
} from './shader'

// Shapes: N tokens, H heads, K kv heads, C head dim, S rows of keys and values.
//
// Attention without a buffer of scores (Dao et al. 2022): a workgroup serves up to 8 queries that read the same kv head, and
// walks over the rows that they see by tiles, with a running maximum and sum (online softmax). The queries are heads of a group
// and, in prompts, neighbouring tokens. Few tokens behind a long context leave a GPU idle: then the rows are split among several
// workgroups, and a second shader joins what they found.

/** How the work is divided among workgroups. */
interface Division {
  readonly name: string
  /** Queries of a workgroup at most: their sums are registers. */
  readonly queries: number
  /** Rows for which another workgroup pays, and workgroups that fill a GPU. */
  readonly stretch: number
  readonly enough: number
}

/** The default first. */
const divisions: readonly Division[] = [
  { name: 'online', queries: 8, stretch: 128, enough: 256 },
  { name: 'online, stretches of 64', queries: 8, stretch: 64, enough: 1024 },
  { name: 'online, stretches of 256', queries: 8, stretch: 256, enough: 64 },
  { name: 'online, 4 queries', queries: 4, stretch: 128, enough: 256 },
]

/** Rows of a tile. */
const TILE = 32
/** Lanes that read one row of keys. */
const LANES = 8
/** Floats of the queries that shared memory holds. */
const QUERY_FLOATS = 1024

interface Form {
  readonly dtype: 'f32' | 'f16'
  readonly headDim: number
  /** Query heads and tokens that one workgroup serves. */
  readonly heads: number
  readonly tokens: number
  readonly split: boolean
}

/** The largest divisor of `value` up to `most`. */
const divisor = (value: number, most: number): number => {
  for (let candidate = Math.min(value, most); candidate > 1; candidate--) if (value % candidate === 0) return candidate
  return 1
}

const powerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(value))

/** How a shader of this form lays out its lanes. */
const geometry = ({ headDim, heads, tokens }: Form) => {
  const width = headDim % 4 === 0 ? 4 : 1
  const columns = headDim / width
  const threads = Math.max(64, powerOfTwo(columns))
  return {
    width,
    columns,
    threads,
    /** Lanes of one row of values, and rows read side by side. */
    across: powerOfTwo(columns),
    slices: threads / powerOfTwo(columns),
    queries: heads * tokens,
    type: width === 4 ? 'vec4<f32>' : 'f32',
    /** Entries of one partial result: the sums, then the maximum and the total. */
    entry: columns + (width === 4 ? 1 : 2),
  }
}

/** Indices of the elements of one load. */
const lanesOf = (width: number): number[] => Array.from({ length: width }, (_, i) => i)

type Cache = Pick<Form, 'dtype' | 'headDim'>

/** WGSL of `kAt(i)`, or another name: the i-th four elements of a cache, or one where four do not divide the head dim. */
export const load = (name: string, { dtype, headDim }: Cache): string => {
  if (dtype === 'f32')
    return `fn ${name}At(i: u32) -> ${headDim % 4 === 0 ? 'vec4<f32>' : 'f32'} { return ${name}[i]; }`
  return headDim % 4 === 0
    ? `fn ${name}At(i: u32) -> vec4<f32> {
  let words = ${name}[i];
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}`
    : `fn ${name}At(i: u32) -> f32 { return unpack2x16float(${name}[i / 2u])[i & 1u]; }`
}

export const cacheType = ({ dtype, headDim }: Cache): string => {
  if (dtype === 'f32') return headDim % 4 === 0 ? 'vec4<f32>' : 'f32'
  return headDim % 4 === 0 ? 'vec2<u32>' : 'u32'
}

const formKey = (form: Form): string => Object.values(form).join()

const walk = shaderOf((form: Form) => {
  const { columns, threads, across, slices, queries, type, width, entry } = geometry(form)
  const { heads, tokens, split } = form
  const product = (a: string, b: string) => (width === 4 ? `dot(${a}, ${b})` : `${a} * ${b}`)
  return {
    name: `attention ${formKey(form)}`,
    code: /* wgsl */ `
struct Params { tokens: u32, splits: u32, scale: f32, kvHeads: u32, group: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings(
  [
    ['q', type],
    ['k', cacheType(form)],
    ['v', cacheType(form)],
    ['first', 'f32'],
    ['last', 'f32'],
  ],
  [['y', type]],
)}
${load('k', form)}
${load('v', form)}
const NONE = -3e38;
var<workgroup> query: array<${type}, ${queries * columns}>;
var<workgroup> parts: array<f32, ${queries * TILE * LANES}>;
var<workgroup> weights: array<f32, ${queries * TILE}>;
var<workgroup> low: array<u32, ${tokens}>;
var<workgroup> high: array<u32, ${tokens}>;
var<workgroup> peak: array<f32, ${queries}>;
var<workgroup> shrink: array<f32, ${queries}>;
var<workgroup> totals: array<f32, ${queries * threads}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let head = at.x * ${heads}u;
  let kvHead = head / params.group;
  let token = at.y * ${tokens}u;
  // The rows that any of these queries sees.
  var begin = 0xffffffffu;
  var end = 0u;
  for (var t = token; t < min(token + ${tokens}u, params.tokens); t++) {
    begin = min(begin, u32(first[t]));
    end = max(end, u32(last[t]) + 1u);
  }
  if (lane < ${tokens}u) {
    let t = min(token + lane, params.tokens - 1u);
    low[lane] = u32(first[t]);
    high[lane] = u32(last[t]) + 1u;
  }
  if (lane < ${queries}u) { peak[lane] = NONE; }
  for (var i = lane; i < ${queries * columns}u; i += ${threads}u) {
    let one = i / ${columns}u;
    let t = min(token + one / ${heads}u, params.tokens - 1u);
    query[i] = q[(t * params.kvHeads * params.group + head + one % ${heads}u) * ${columns}u + i % ${columns}u] * params.scale;
  }
  workgroupBarrier();
${
  split
    ? `
  let stretch = (((end - begin + params.splits - 1u) / params.splits + ${TILE - 1}u) / ${TILE}u) * ${TILE}u;
  let start0 = begin + at.z * stretch;
  let to = min(end, start0 + stretch);`
    : `
  let start0 = begin;
  let to = end;`
}
  let column = lane % ${across}u;
  let slice = lane / ${across}u;
${times(queries, i => `  var sum${i} = ${type}();\n  var total${i} = 0.0;`)}
  for (var start = start0; start < to; start += ${TILE}u) {
    for (var r = lane / ${LANES}u; r < ${TILE}u; r += ${threads / LANES}u) {
${times(queries, i => `      var score${i} = 0.0;`)}
      if (start + r < to) {
        let row = ((start + r) * params.kvHeads + kvHead) * ${columns}u;
        for (var c = lane % ${LANES}u; c < ${columns}u; c += ${LANES}u) {
          let key = kAt(row + c);
${times(queries, i => `          score${i} += ${product(`query[${i * columns}u + c]`, 'key')};`)}
        }
      }
${times(queries, i => `      parts[(${i * TILE}u + r) * ${LANES}u + lane % ${LANES}u] = score${i};`)}
    }
    workgroupBarrier();
    for (var i = lane; i < ${queries * TILE}u; i += ${threads}u) {
      var score = 0.0;
      for (var l = 0u; l < ${LANES}u; l++) { score += parts[i * ${LANES}u + l]; }
      let row = start + i % ${TILE}u;
      let t = i / ${TILE * heads}u;
      weights[i] = select(NONE, score, row < to && row >= low[t] && row < high[t]);
    }
    workgroupBarrier();
    if (lane < ${queries}u) {
      let before = peak[lane];
      var most = before;
      for (var r = 0u; r < ${TILE}u; r++) { most = max(most, weights[lane * ${TILE}u + r]); }
      peak[lane] = most;
      shrink[lane] = exp(before - most);
    }
    workgroupBarrier();
    for (var i = lane; i < ${queries * TILE}u; i += ${threads}u) {
      let score = weights[i];
      weights[i] = select(exp(score - peak[i / ${TILE}u]), 0.0, score == NONE);
    }
    workgroupBarrier();
    if (column < ${columns}u) {
${times(queries, i => `      sum${i} *= shrink[${i}];\n      total${i} *= shrink[${i}];`)}
      for (var r = slice; r < min(${TILE}u, to - start); r += ${slices}u) {
        let value = vAt(((start + r) * params.kvHeads + kvHead) * ${columns}u + column);
${times(queries, i => `        let weight${i} = weights[${i * TILE}u + r];\n        sum${i} += weight${i} * value;\n        total${i} += weight${i};`)}
      }
    }
  }
  // The sums of all slices meet in shared memory, where the tiles' products were.
  workgroupBarrier();
${times(queries, i => `  totals[${i * threads}u + lane] = total${i};`)}
${times(queries, i =>
  lanesOf(width)
    .map(
      lane =>
        `  parts[(${i * threads}u + lane) * ${width}u${lane === 0 ? '' : ` + ${lane}u`}] = sum${i}${width === 4 ? `[${lane}]` : ''};`,
    )
    .join('\n'),
)}
  workgroupBarrier();
  for (var i = lane; i < ${queries * columns}u; i += ${threads}u) {
    let one = i / ${columns}u;
    let c = i % ${columns}u;
    let t = token + one / ${heads}u;
    if (t >= params.tokens) { break; }
    var sum = ${type}();
    var total = 0.0;
    for (var s = 0u; s < ${slices}u; s++) {
      let source = one * ${threads}u + s * ${across}u + c;
      total += totals[source];
      sum += ${width === 4 ? 'vec4<f32>(parts[source * 4u], parts[source * 4u + 1u], parts[source * 4u + 2u], parts[source * 4u + 3u])' : 'parts[source]'};
    }
    let to = t * params.kvHeads * params.group + head + one % ${heads}u;
${
  split
    ? `    let entry = (to * params.splits + at.z) * ${entry}u;
    y[entry + c] = sum;
    if (c == 0u) { ${
      width === 4
        ? `y[entry + ${columns}u] = vec4<f32>(peak[one], total, 0.0, 0.0);`
        : `y[entry + ${columns}u] = peak[one]; y[entry + ${columns + 1}u] = total;`
    } }`
    : `    y[to * ${columns}u + c] = sum / total;`
}
  }
}`,
  }
}, formKey)

/** Joins the partial results of the stretches of a row: one workgroup for each token and head. */
const join = shaderOf((columns: number, width: number) => {
  const type = width === 4 ? 'vec4<f32>' : 'f32'
  const entry = columns + (width === 4 ? 1 : 2)
  const [peak, total] = width === 4 ? [`[${columns}u].x`, `[${columns}u].y`] : [`[${columns}u]`, `[${columns + 1}u]`]
  const at = (part: string) => `parts[(row * params.splits + s) * ${entry}u + ${part.slice(1)}`
  return {
    name: `attentionJoin x${width} of ${columns}`,
    code: /* wgsl */ `
struct Params { splits: u32, heads: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings([['parts', type]], [['y', type]])}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * params.heads + group.x;
  var most = -3e38;
  for (var s = 0u; s < params.splits; s++) { most = max(most, ${at(peak)}); }
  for (var c = lane; c < ${columns}u; c += 64u) {
    var sum = ${type}();
    var total = 0.0;
    for (var s = 0u; s < params.splits; s++) {
      let factor = exp(${at(peak)} - most);
      sum += factor * parts[(row * params.splits + s) * ${entry}u + c];
      total += factor * ${at(total)};
    }
    y[row * ${columns}u + c] = sum / total;
  }
}`,
  }
})

export const extentsOf = ({ inputs, attributes }: Call) =>
  attentionExtents('attention', inputs, attributes as AttentionAttributes)

/** Whether shaders read the cache, and a dispatch holds the tokens. */
export const isReadable = (call: Call): boolean => {
  const { dtype } = call.inputs[1]
  return areWhole(call.inputs) && (dtype === 'f32' || dtype === 'f16') && extentsOf(call).tokens <= 65_535
}

const attentionBy = ({ name, queries, stretch, enough }: Division): ShaderImplementation => ({
  op: attentionOp as Op,
  name,
  variantOf: name === divisions[0].name ? undefined : divisions[0].name,
  fits: call => isReadable(call) && extentsOf(call).headDim <= 256,
  plan: call => {
    const { tokens, heads, headDim, kvHeads, group, span, factor } = extentsOf(call)
    // Head dims that 16-byte loads do not fit are rare: their shaders stay small.
    const most = headDim % 4 === 0 ? Math.min(queries, Math.floor(QUERY_FLOATS / headDim)) : 2
    const together = divisor(group, most)
    const ofTokens = tokens === 1 ? 1 : Math.max(1, Math.min(tokens, Math.floor(most / together)))
    const [x, y] = [heads / together, Math.ceil(tokens / ofTokens)]
    const splits = Math.max(1, Math.min(Math.floor(span / stretch), Math.floor(enough / (x * y))))
    const form: Form = {
      ...{ dtype: call.inputs[1].dtype as 'f32' | 'f16', headDim },
      ...{ heads: together, tokens: ofTokens, split: splits > 1 },
    }
    const { columns, width, entry } = geometry(form)
    const partial = { scratch: 4 * width * entry * splits * tokens * heads }
    const step: ShaderStep = {
      shader: walk(form),
      parameters: [tokens, splits, floatWord(factor), kvHeads, group],
      groups: [x, y, splits],
      reads: storagesOf(call.inputs),
      writes: [splits > 1 ? partial : { output: 0 }],
    }
    if (splits === 1) return [step]
    const joining: ShaderStep = {
      shader: join(columns, width),
      parameters: [splits, heads],
      groups: [heads, tokens, 1],
      reads: [partial],
      writes: [{ output: 0 }],
    }
    return [step, joining]
  },
})

export const attentionOverRanges: readonly ShaderImplementation[] = divisions.map(attentionBy)
