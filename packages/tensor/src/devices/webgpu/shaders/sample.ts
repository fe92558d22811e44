import type { Op } from '../../../op'
import { HALVINGS, leastShare, sampleOp } from '../../../ops/sample'
import { asMatrix } from '../../../shape'
import { KEY_OF } from './rows'
import { areWhole, bindings, floatWord, type ShaderImplementation, shaderOf, storagesOf, sumLanes } from './shader'

/** Lanes that walk over a row, on hardware and where they share a core. */
const THREADS = { hardware: 256, software: 4 }

// One workgroup a row. Each lane has a stretch of neighbouring columns, so that the order of columns is that of lanes. As in the kernel of
// `ops/sample.ts`: scores are counted from the greatest, and the lowest of the nucleus is found by halving an interval.
const drawn = shaderOf((threads: number) => ({
  name: `sample of ${threads}`,
  code: /* wgsl */ `
struct Params { size: u32, limit: u32, temperature: f32, topP: f32, least: f32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings(
  [
    ['x', 'f32'],
    ['numbers', 'f32'],
  ],
  [['y', 'f32']],
)}
var<workgroup> sums: array<f32, ${threads}>;
var<workgroup> peaks: array<u32, ${threads}>;

${KEY_OF}
fn valueOf(key: u32) -> f32 { return bitcast<f32>(select(~key, key & 0x7fffffffu, (key & 0x80000000u) != 0u)); }

// The mass of a lane's columns from a score on.
fn massFrom(lowest: f32, begin: u32, end: u32, max: f32) -> f32 {
  var mass = 0.0;
  for (var i = begin; i < end; i++) {
    let score = (x[i] - max) / params.temperature;
    if (score >= lowest) { mass += exp(score); }
  }
  return mass;
}
fn sumOf(mass: f32, lane: u32) -> f32 {
  workgroupBarrier();
  sums[lane] = mass;${sumLanes('sums', threads)}
  return sums[0];
}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = group.x * params.size;
  let stretch = (params.limit + ${threads - 1}u) / ${threads}u;
  let begin = start + min(lane * stretch, params.limit);
  let end = start + min((lane + 1u) * stretch, params.limit);
  var key = 0u;
  for (var i = begin; i < end; i++) { key = max(key, keyOf(bitcast<u32>(x[i]))); }
  peaks[lane] = key;
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    if (lane < half) { peaks[lane] = max(peaks[lane], peaks[lane + half]); }
    workgroupBarrier();
  }
  let peak = peaks[0];
  let broken = !isFinite(peak);
  let max = select(valueOf(peak), 0.0, broken);
  let total = sumOf(massFrom(-3e38, begin, end, max), lane);
  var low = -3e38;
  if (params.topP < 1.0) {
    low = log(params.least * total);
    var high = 1e-6;
    for (var i = 0u; i < ${HALVINGS}u; i++) {
      let middle = (low + high) / 2.0;
      if (sumOf(massFrom(middle, begin, end, max), lane) >= params.topP * total) { low = middle; } else { high = middle; }
    }
  }
  let own = massFrom(low, begin, end, max);
  workgroupBarrier();
  sums[lane] = own;
  workgroupBarrier();
  if (lane > 0u) { return; }
  if (broken) { y[group.x] = -1.0; return; }
  var mass = 0.0;
  for (var i = 0u; i < ${threads}u; i++) { mass += sums[i]; }
  var rest = numbers[group.x] * mass;
  // The last lane with a part of the mass, should rounding leave a rest.
  var owner = 0u;
  var before = rest;
  for (var i = 0u; i < ${threads}u; i++) {
    if (sums[i] > 0.0) { owner = i; before = rest; if (rest < sums[i]) { break; } }
    rest -= sums[i];
  }
  rest = before;
  var found = 0u;
  for (var i = owner * stretch; i < min((owner + 1u) * stretch, params.limit); i++) {
    let score = (x[start + i] - max) / params.temperature;
    if (score >= low) {
      let mass = exp(score);
      found = i;
      if (rest < mass) { break; }
      rest -= mass;
    }
  }
  y[group.x] = f32(found);
}`,
}))

const by = (kind: keyof typeof THREADS): ShaderImplementation => ({
  op: sampleOp as Op,
  name: kind === 'hardware' ? 'nucleus' : 'nucleus by few',
  variantOf: kind === 'hardware' ? undefined : 'nucleus',
  software: kind === 'software',
  fits: ({ inputs }) => areWhole(inputs) && asMatrix(inputs[0].shape).rows <= 65_535,
  plan: ({ inputs, attributes }) => {
    const { rows, columns } = asMatrix(inputs[0].shape)
    const { limit, temperature, topP } = attributes as Parameters<typeof leastShare>[0]
    const least = leastShare({ limit, temperature, topP })
    return [
      {
        shader: drawn(THREADS[kind]),
        parameters: [columns, limit, floatWord(temperature), floatWord(topP), floatWord(least)],
        groups: [rows, 1, 1],
        reads: storagesOf(inputs),
        writes: [{ output: 0 }],
      },
    ]
  },
})

export const sampleRows: readonly ShaderImplementation[] = [by('hardware'), by('software')]
