import type { Op, Operand } from '../../../op'
import { linearOp } from '../../../ops/linear'
import { linearAddOp } from '../../../ops/linear-add'
import { asMatrix } from '../../../shape'
import type { Spec } from '../../../spec'
import type { GpuStorage } from '../buffers'
import { blocksOf, readerOf, readerPrelude } from '../weight-readers'
import {
  areWhole,
  bindings,
  type ShaderImplementation,
  type ShaderStep,
  shaderOf,
  storageOf,
  windowsOf,
} from './shader'

// Shapes: R rows of x, D its columns (a multiple of 4), N rows of the weight.

const TILE = 64
const STEP = 16

// For many rows a workgroup of 16 x 16 threads computes a tile of 64 x 64 outputs, 4 x 4 in each thread, from shared slices of x
// and the weight: each word read from memory serves 64 products.
const tiled = shaderOf(
  (weight: Spec, add: boolean) => {
    const { name, element, code } = readerOf(weight)
    return {
      name: `linearTiled ${name}${add ? ' added' : ''}`,
      code: /* wgsl */ `
struct Params { size: u32, out: u32, blocks: u32, first: u32, stride: u32, rows: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings([['x', 'vec4<f32>'], ['weight', element], ...(add ? ([['residual', 'f32']] as const) : [])], [['y', 'f32']])}
${readerPrelude(weight)}
${code('weight')}

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
      fromW = weightQuad(wRow * quads + quad);
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
      let to = row * params.stride + params.first + n;
      if (n < params.out) { y[to] = ${add ? 'residual[to] + ' : ''}sums[i][j]; }
    }
  }
}`,
    }
  },
  (weight, add) => `${readerOf(weight).name} ${add}`,
)

/** One dispatch for each buffer of the weight. */
const steps = (x: Operand, weight: Operand, residual: readonly GpuStorage[]): readonly ShaderStep[] => {
  const { rows, columns } = asMatrix(x.shape)
  return windowsOf(weight).map(({ storage, first, rows: out }) => ({
    shader: tiled(weight, residual.length > 0),
    parameters: [columns / 4, out, blocksOf(weight, out), first, weight.shape[0], rows],
    groups: [Math.ceil(out / TILE), Math.ceil(rows / TILE), 1],
    reads: [storageOf(x), storage, ...residual],
    writes: [{ output: 0 }],
  }))
}

const fits = (x: Operand, weight: Operand): boolean => asMatrix(x.shape).columns % (4 * readerOf(weight).quads) === 0

export const linearTiled: readonly ShaderImplementation[] = [
  {
    op: linearOp as Op,
    name: 'tiled',
    fits: ({ inputs: [x, weight] }) => areWhole([x]) && fits(x, weight),
    plan: ({ inputs: [x, weight] }) => steps(x, weight, []),
  },
  {
    op: linearAddOp as Op,
    name: 'tiled',
    fits: ({ inputs: [x, weight, residual] }) => areWhole([x, residual]) && fits(x, weight),
    plan: ({ inputs: [x, weight, residual] }) => steps(x, weight, [storageOf(residual)]),
  },
]
