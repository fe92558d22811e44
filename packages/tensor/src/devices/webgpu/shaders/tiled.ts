import { asMatrix } from '../../../shape'
import type { Spec } from '../../../spec'
import { readerOf } from '../weight-readers'
import { SHARED_BYTES, type ShaderImplementation, shaderOf, storageOf, times } from './shader'
import { declarations, implementationsOf, type Tile, tileSteps, writeSums } from './tiles'

// Shapes: R rows of x, D its columns (a multiple of 4), N rows of the weight.

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
    const { name } = readerOf(weight)
    const [across, down] = [tile.outputs / 4, tile.rows / tile.each]
    const threads = across * down
    const load = (array: string, from: string, row: string, count: number) => `
    for (var i = lane; i < ${count * (STEP / 4)}u; i += ${threads}u) {
      let at = i / ${STEP / 4}u;
      let quad = start + i % ${STEP / 4}u;
      var loaded = vec4<f32>();
      if (quad < quads) { loaded = ${from}(${row} * quads + quad); }
      for (var j = 0u; j < 4u; j++) { ${array}[(i % ${STEP / 4}u) * 4u + j][at] = loaded[j]; }
    }`
    return {
      name: `linearTiled ${name}${add ? ' added' : ''}, ${tile.rows}x${tile.outputs}`,
      code: /* wgsl */ `
${declarations(weight, add)}

// Slices, transposed. Not of vectors: a lane that writes a component may write its whole vector (WGSL, "Memory Locations").
var<workgroup> sliceX: array<array<f32, ${tile.rows}>, ${STEP}>;
var<workgroup> sliceW: array<array<f32, ${tile.outputs}>, ${STEP}>;
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
      let b = vec4(${[0, 1, 2, 3].map(j => `sliceW[k][local.x * 4u + ${j}u]`).join(', ')});
${times(tile.each, i => `      sum${i} += sliceX[k][local.y * ${tile.each}u + ${i}u] * b;`)}
    }
    workgroupBarrier();
  }
${times(tile.each, i => `  write(sum${i}, firstRow + local.y * ${tile.each}u + ${i}u, firstOut + local.x * 4u);`)}
}
${writeSums(add, 1)}`,
    }
  },
  (weight, add, tile) => `${readerOf(weight).name} ${add} ${tile.name}`,
)

const sharedBytes = ({ rows, outputs }: Tile): number => 4 * STEP * (rows + outputs)

export const linearTiled: readonly ShaderImplementation[] = tiles.flatMap(tile =>
  implementationsOf(
    { name: tile.name, variantOf: tile === tiles[0] ? undefined : tiles[0].name },
    ({ x, weight }) =>
      asMatrix(x.shape).columns % (4 * readerOf(weight).quads) === 0 && sharedBytes(tile) <= SHARED_BYTES,
    product => {
      const { x, weight, residual } = product
      const shader = tiled(weight, residual !== undefined, tile)
      return tileSteps(shader, tile, product, asMatrix(x.shape).columns / 4, [storageOf(x)])
    },
  ),
)
