import type { Call, Op } from '../../../op'
import { linearOp } from '../../../ops/linear'
import { asMatrix, sizeOf } from '../../../shape'
import { readerOf, scalesAt } from '../weights'
import { type ShaderImplementation, shaderByType } from './shader'

// Shapes: R rows of x, D its columns (a multiple of 4), N rows of the weight.

const THREADS = 64
const OUTPUTS = 4

// For a few rows the work is to read the weight once. A workgroup computes four outputs of one row: its threads read four rows of
// the weight side by side, so that neighbours read neighbouring words, then add up their sums.
const fewRows = shaderByType(dtype => ({
  name: `linearFewRows ${dtype}`,
  code: /* wgsl */ `
struct Params { size: u32, out: u32, scales: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: ${readerOf(dtype).binding};
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
${readerOf(dtype).code}

var<workgroup> partial: array<vec4<f32>, ${THREADS}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * ${OUTPUTS}u;
  let row = group.y;
  let last = params.out - 1u;
  // Rows past the end read the last one again; their sums are not written.
  let second = min(first + 1u, last);
  let third = min(first + 2u, last);
  let fourth = min(first + 3u, last);
  var sum = vec4<f32>();
  for (var d = lane; d < params.size; d += ${THREADS}u) {
    let value = x[row * params.size + d];
    sum += vec4<f32>(
      dot(value, weightQuad(first, d)), dot(value, weightQuad(second, d)),
      dot(value, weightQuad(third, d)), dot(value, weightQuad(fourth, d)));
  }
  partial[lane] = sum;
  workgroupBarrier();
  for (var half = ${THREADS / 2}u; half > 0u; half /= 2u) {
    if (lane < half) { partial[lane] += partial[lane + half]; }
    workgroupBarrier();
  }
  if (lane < ${OUTPUTS}u && first + lane < params.out) { y[row * params.out + first + lane] = partial[0][lane]; }
}`,
}))

const TILE = 64
const STEP = 16

// For many rows a workgroup of 16 x 16 threads computes a tile of 64 x 64 outputs, 4 x 4 in each thread, from shared slices of x
// and the weight: each word read from memory serves 64 products.
const tiled = shaderByType(dtype => ({
  name: `linearTiled ${dtype}`,
  code: /* wgsl */ `
struct Params { size: u32, out: u32, scales: u32, rows: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: ${readerOf(dtype).binding};
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
${readerOf(dtype).code}

// Slices, transposed: sliceX[k][row / 4] holds four rows' values at k.
var<workgroup> sliceX: array<array<vec4<f32>, ${TILE / 4}>, ${STEP}>;
var<workgroup> sliceW: array<array<vec4<f32>, ${TILE / 4}>, ${STEP}>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let firstOut = group.x * ${TILE}u;
  let firstRow = group.y * ${TILE}u;
  let quads = params.size;
  // Each thread loads one vec4 of either slice a step: row lane / 4 of the tile, quad lane % 4.
  let loadRow = lane / 4u;
  let loadQuad = lane % 4u;
  let xRow = min(firstRow + loadRow, params.rows - 1u) * quads;
  let wRow = min(firstOut + loadRow, params.out - 1u);
  var sums = array<vec4<f32>, 4>();
  for (var start = 0u; start < quads; start += ${STEP / 4}u) {
    let quad = start + loadQuad;
    var fromX = vec4<f32>();
    var fromW = vec4<f32>();
    if (quad < quads) {
      fromX = x[xRow + quad];
      fromW = weightQuad(wRow, quad);
    }
    for (var i = 0u; i < 4u; i++) {
      sliceX[loadQuad * 4u + i][loadRow / 4u][loadRow % 4u] = fromX[i];
      sliceW[loadQuad * 4u + i][loadRow / 4u][loadRow % 4u] = fromW[i];
    }
    workgroupBarrier();
    for (var k = 0u; k < ${STEP}u; k++) {
      let a = sliceX[k][local.y];
      let b = sliceW[k][local.x];
      sums[0] += a.x * b;
      sums[1] += a.y * b;
      sums[2] += a.z * b;
      sums[3] += a.w * b;
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i++) {
    let row = firstRow + local.y * 4u + i;
    if (row >= params.rows) { return; }
    for (var j = 0u; j < 4u; j++) {
      let n = firstOut + local.x * 4u + j;
      if (n < params.out) { y[row * params.out + n] = sums[i][j]; }
    }
  }
}`,
}))

/** Below this many rows the weight is streamed once for each row; at and above it, tiles share it. */
const TILED_FROM = 9

const sizesOf = ({ inputs: [x, weight] }: Call) => {
  const { rows, columns } = asMatrix(x.shape)
  const [out] = weight.shape
  return { rows, columns, out, parameters: [columns / 4, out, scalesAt(weight.dtype, sizeOf(weight.shape))] }
}

export const linearFewRows: ShaderImplementation = {
  op: linearOp as Op,
  name: 'few rows',
  fits: call => sizesOf(call).columns % 4 === 0 && sizesOf(call).rows < TILED_FROM,
  plan: call => {
    const { rows, out, parameters } = sizesOf(call)
    return { shader: fewRows(call.inputs[1].dtype), parameters, groups: [Math.ceil(out / OUTPUTS), rows, 1] }
  },
}

export const linearTiled: ShaderImplementation = {
  op: linearOp as Op,
  name: 'tiled',
  fits: call => sizesOf(call).columns % 4 === 0,
  plan: call => {
    const { rows, out, parameters } = sizesOf(call)
    return {
      shader: tiled(call.inputs[1].dtype),
      parameters: [...parameters, rows],
      groups: [Math.ceil(out / TILE), Math.ceil(rows / TILE), 1],
    }
  },
}
