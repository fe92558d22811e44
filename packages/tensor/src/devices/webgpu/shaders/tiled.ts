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
  times,
  windowsOf,
} from './shader'

// Shapes: R rows of x, D its columns (a multiple of 4), N rows of the weight.

/** The outputs of a workgroup, rows of x by rows of the weight, and the rows of x of each thread. */
interface Tile {
  readonly name: string
  readonly rows: number
  readonly outputs: number
  readonly each: 4 | 8
}

/** The default first. */
const tiles: readonly Tile[] = [
  { name: 'tiled', rows: 64, outputs: 64, each: 4 },
  { name: 'tiled 32x32', rows: 32, outputs: 32, each: 4 },
  { name: 'tiled 32x64', rows: 32, outputs: 64, each: 4 },
  { name: 'tiled 128x64', rows: 128, outputs: 64, each: 8 },
]

/** Elements of a row that a slice holds. */
const STEP = 16

// For many rows a workgroup computes a tile of outputs, 4 x 4 or 8 x 4 in each thread, from shared slices of x and the weight:
// each word read from memory serves as many products as the tile has rows.
const tiled = shaderOf(
  (weight: Spec, add: boolean, tile: Tile) => {
    const { name, element, code } = readerOf(weight)
    const [across, down] = [tile.outputs / 4, tile.rows / tile.each]
    const threads = across * down
    const load = (array: string, from: string, row: string, count: number) => `
    for (var i = lane; i < ${count * (STEP / 4)}u; i += ${threads}u) {
      let at = i / ${STEP / 4}u;
      let quad = start + i % ${STEP / 4}u;
      var loaded = vec4<f32>();
      if (quad < quads) { loaded = ${from}(${row} * quads + quad); }
      for (var j = 0u; j < 4u; j++) { ${array}[(i % ${STEP / 4}u) * 4u + j][at / 4u][at % 4u] = loaded[j]; }
    }`
    return {
      name: `linearTiled ${name}${add ? ' added' : ''}, ${tile.rows}x${tile.outputs}`,
      code: /* wgsl */ `
struct Params { size: u32, out: u32, blocks: u32, first: u32, stride: u32, rows: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings([['x', 'vec4<f32>'], ['weight', element], ...(add ? ([['residual', 'f32']] as const) : [])], [['y', 'f32']])}
${readerPrelude(weight)}
${code('weight')}

// Slices, transposed: sliceX[k][row / 4] holds four rows' values at k.
var<workgroup> sliceX: array<array<vec4<f32>, ${tile.rows / 4}>, ${STEP}>;
var<workgroup> sliceW: array<array<vec4<f32>, ${tile.outputs / 4}>, ${STEP}>;
fn xQuad(quad: u32) -> vec4<f32> { return x[quad]; }

@compute @workgroup_size(${across}, ${down})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let firstOut = group.x * ${tile.outputs}u;
  let firstRow = group.y * ${tile.rows}u;
  let quads = params.size;
${times(tile.each, i => `  var sum${i} = vec4<f32>();`)}
  for (var start = 0u; start < quads; start += ${STEP / 4}u) {
${load('sliceX', 'xQuad', 'min(firstRow + at, params.rows - 1u)', tile.rows)}
${load('sliceW', 'weightQuad', 'min(firstOut + at, params.out - 1u)', tile.outputs)}
    workgroupBarrier();
    for (var k = 0u; k < ${STEP}u; k++) {
      let b = sliceW[k][local.x];
${times(tile.each / 4, i => `      let a${i} = sliceX[k][local.y * ${tile.each / 4}u + ${i}u];`)}
${times(tile.each, i => `      sum${i} += a${Math.floor(i / 4)}[${i % 4}] * b;`)}
    }
    workgroupBarrier();
  }
${times(tile.each, i => `  write(sum${i}, firstRow + local.y * ${tile.each}u + ${i}u, firstOut + local.x * 4u);`)}
}

fn write(sums: vec4<f32>, row: u32, first: u32) {
  if (row >= params.rows) { return; }
  for (var j = 0u; j < 4u; j++) {
    let to = row * params.stride + params.first + first + j;
    if (first + j < params.out) { y[to] = ${add ? 'residual[to] + ' : ''}sums[j]; }
  }
}`,
    }
  },
  (weight, add, tile) => `${readerOf(weight).name} ${add} ${tile.name}`,
)

/** One dispatch for each buffer of the weight. */
const steps = (tile: Tile, x: Operand, weight: Operand, residual: readonly GpuStorage[]): readonly ShaderStep[] => {
  const { rows, columns } = asMatrix(x.shape)
  return windowsOf(weight).map(({ storage, first, rows: out }) => ({
    shader: tiled(weight, residual.length > 0, tile),
    parameters: [columns / 4, out, blocksOf(weight, out), first, weight.shape[0], rows],
    groups: [Math.ceil(out / tile.outputs), Math.ceil(rows / tile.rows), 1],
    reads: [storageOf(x), storage, ...residual],
    writes: [{ output: 0 }],
  }))
}

const fits = (x: Operand, weight: Operand): boolean => asMatrix(x.shape).columns % (4 * readerOf(weight).quads) === 0

const variantOf = (tile: Tile): string | undefined => (tile === tiles[0] ? undefined : tiles[0].name)

export const linearTiled: readonly ShaderImplementation[] = tiles.flatMap(tile => [
  {
    op: linearOp as Op,
    name: tile.name,
    variantOf: variantOf(tile),
    fits: ({ inputs: [x, weight] }) => areWhole([x]) && fits(x, weight),
    plan: ({ inputs: [x, weight] }) => steps(tile, x, weight, []),
  },
  {
    op: linearAddOp as Op,
    name: tile.name,
    variantOf: variantOf(tile),
    fits: ({ inputs: [x, weight, residual] }) => areWhole([x, residual]) && fits(x, weight),
    plan: ({ inputs: [x, weight, residual] }) => steps(tile, x, weight, [storageOf(residual)]),
  },
])
