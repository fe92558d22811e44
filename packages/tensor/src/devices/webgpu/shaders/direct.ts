import { asMatrix } from '../../../shape'
import type { Spec } from '../../../spec'
import { readerOf } from '../weight-readers'
import { shaderOf, storageOf, times } from './shader'
import { declarations, implementationsOf, type Tile, tileSteps, writeSums } from './tiles'

// Shapes: R rows of x, D its columns (a multiple of 4), N rows of the weight.

/** Rows and outputs of a thread, and threads of a workgroup along each. */
const EACH = 4
const SIDE = 4

const tile: Tile = { name: 'direct', rows: EACH * SIDE, outputs: 4 * SIDE, each: EACH }

// Each thread computes 4 x 4 outputs from what it reads itself. Words are read more often than by tiles, and no lane waits for another.
const direct = shaderOf(
  (weight: Spec, add: boolean) => {
    const { name } = readerOf(weight)
    return {
      name: `linearDirect ${name}${add ? ' added' : ''}`,
      code: /* wgsl */ `
${declarations(weight, add)}

@compute @workgroup_size(${SIDE}, ${SIDE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let firstOut = id.x * 4u;
  let firstRow = id.y * ${EACH}u;
  let quads = params.size;
  // Rows past the end read the last one again; their sums are not written.
${times(EACH, i => `  let x${i} = min(firstRow + ${i}u, params.rows - 1u) * quads;\n  var sum${i} = vec4<f32>();`)}
${times(4, j => `  let w${j} = min(firstOut + ${j}u, params.out - 1u) * quads;`)}
  for (var quad = 0u; quad < quads; quad++) {
${times(4, j => `    let b${j} = weightQuad(w${j} + quad);`)}
${times(EACH, i => `    let a${i} = x[x${i} + quad];\n    sum${i} += vec4<f32>(${[0, 1, 2, 3].map(j => `dot(a${i}, b${j})`).join(', ')});`)}
  }
${times(EACH, i => `  write(sum${i}, firstRow + ${i}u, firstOut);`)}
}
${writeSums(add, 1)}`,
    }
  },
  (weight, add) => `${readerOf(weight).name} ${add}`,
)

export const linearDirect = implementationsOf(
  { name: tile.name, variantOf: 'tiled', software: true },
  ({ x, weight }) => asMatrix(x.shape).columns % (4 * readerOf(weight).quads) === 0,
  product => {
    const { x, weight, residual } = product
    const shader = direct(weight, residual !== undefined)
    return tileSteps(shader, tile, product, asMatrix(x.shape).columns / 4, [storageOf(x)])
  },
)
