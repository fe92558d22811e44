import { asMatrix } from '../../../shape'
import type { Spec } from '../../../spec'
import { readerOf } from '../weight-readers'
import { SHARED_BYTES, type ShaderImplementation, shaderOf, storageOf, times } from './shader'
import { declarations, implementationsOf, type Tile, tileSteps, writeSums } from './tiles'

// Shapes: R rows of x, D its columns (a multiple of 4), N rows of the weight.
//
// As `tiled.ts`, but the slices of x and of the weight are rounded to f16: half the shared memory, and half of what is read from it.
// Products and sums are f32. `Half` is the only name of the type, so that the same code runs in f32 (the tests do that where an
// adapter has no f16).

const tiles: readonly Tile[] = [
  { name: 'tiled f16', rows: 64, outputs: 64, each: 4 },
  { name: 'tiled f16 128x64', rows: 128, outputs: 64, each: 8 },
]

/** Quads of a row that a slice holds. */
const STEP = 4
/** Quads between the columns of a slice that hold nothing: lanes that write the quads of a row then use other banks. */
const PAD = 8

const tiled = shaderOf(
  (weight: Spec, add: boolean, tile: Tile) => {
    const { name } = readerOf(weight)
    const [across, down] = [tile.outputs / 4, tile.rows / tile.each]
    const threads = across * down
    const [strideX, strideW] = [tile.rows + PAD, tile.outputs + PAD]
    const load = (array: string, from: string, row: string, count: number) => `
    for (var i = lane; i < ${count * STEP}u; i += ${threads}u) {
      let at = i / ${STEP}u;
      let quad = start + i % ${STEP}u;
      var loaded = vec4<f32>();
      if (quad < quads) { loaded = ${from}(${row} * quads + quad); }
      ${array}[(i % ${STEP}u) * ${count + PAD}u + at] = vec4<Half>(loaded);
    }`
    const column = (j: number) => `vec4<f32>(${[0, 1, 2, 3].map(k => `w${k}[${j}]`).join(', ')})`
    return {
      name: `linearTiled ${name} as f16${add ? ' added' : ''}, ${tile.rows}x${tile.outputs}`,
      code: /* wgsl */ `
enable f16;
alias Half = f16;
${declarations(weight, add)}

// Slices: a quad of all rows, then the next.
var<workgroup> sliceX: array<vec4<Half>, ${STEP * strideX}>;
var<workgroup> sliceW: array<vec4<Half>, ${STEP * strideW}>;
fn xQuad(quad: u32) -> vec4<f32> { return x[quad]; }

@compute @workgroup_size(${across}, ${down})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let firstOut = group.x * ${tile.outputs}u;
  let firstRow = group.y * ${tile.rows}u;
  let quads = params.size;
${times(tile.each, i => `  var sum${i} = vec4<f32>();`)}
  for (var start = 0u; start < quads; start += ${STEP}u) {
${load('sliceX', 'xQuad', 'min(firstRow + at, params.rows - 1u)', tile.rows)}
${load('sliceW', 'weightQuad', 'min(firstOut + at, params.out - 1u)', tile.outputs)}
    workgroupBarrier();
    for (var q = 0u; q < ${STEP}u; q++) {
${times(4, k => `      let w${k} = vec4<f32>(sliceW[q * ${strideW}u + local.x + ${k * across}u]);`)}
${times(4, j => `      let column${j} = ${column(j)};`)}
${times(
  tile.each,
  i => `      let x${i} = vec4<f32>(sliceX[q * ${strideX}u + local.y + ${i * down}u]);
${times(4, j => `      sum${i} += x${i}[${j}] * column${j};`)}`,
)}
    }
    workgroupBarrier();
  }
${times(tile.each, i => `  write(sum${i}, firstRow + local.y + ${i * down}u, firstOut + local.x);`)}
}
${writeSums(add, across)}`,
    }
  },
  (weight, add, tile) => `${readerOf(weight).name} ${add} ${tile.name}`,
)

const sharedBytes = ({ rows, outputs }: Tile): number => 8 * STEP * (rows + outputs + 2 * PAD)

export const linearTiledF16: readonly ShaderImplementation[] = tiles.flatMap(tile =>
  implementationsOf(
    { name: tile.name, variantOf: 'tiled', feature: 'shader-f16', precision: 'f16' },
    ({ x, weight }) =>
      asMatrix(x.shape).columns % (4 * readerOf(weight).quads) === 0 && sharedBytes(tile) <= SHARED_BYTES,
    product => {
      const { x, weight, residual } = product
      const shader = tiled(weight, residual !== undefined, tile)
      return tileSteps(shader, tile, product, asMatrix(x.shape).columns / 4, [storageOf(x)])
    },
  ),
)
