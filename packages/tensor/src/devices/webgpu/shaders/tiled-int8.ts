import { asMatrix } from '../../../shape'
import type { Spec } from '../../../spec'
import { bytesPrelude, readerOf } from '../weight-readers'
import {
  bindings,
  foldGroups,
  SHARED_BYTES,
  type ShaderImplementation,
  type ShaderStep,
  shaderOf,
  storageOf,
  times,
} from './shader'
import { declarations, implementationsOf, type Product, type Tile, tileSteps, writeSums } from './tiles'

// Shapes: R rows of x, D its columns, N rows of the weight, B = D / 32 blocks of a row.
//
// Products of quantised weights for many rows, as integers. First x is rounded to int8 in blocks of 32, each with a scale, as the device
// `simd` does. Then a workgroup computes a tile of outputs block by block: four products of bytes by one instruction, exact sums
// of a block as i32, and sums of blocks as f32, in the order of columns.

const tiles: readonly Tile[] = [
  { name: 'tiled int8', rows: 64, outputs: 64, each: 4 },
  { name: 'tiled int8 32x32', rows: 32, outputs: 32, each: 4 },
  { name: 'tiled int8 128x64', rows: 128, outputs: 64, each: 8 },
]

const FEATURE = 'packed_4x8_integer_dot_product'
const THREADS = 64

const rounded = shaderOf(() => ({
  name: 'roundToInt8',
  code: /* wgsl */ `
requires ${FEATURE};
struct Params { blocks: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings(
  [['x', 'vec4<f32>']],
  [
    ['values', 'vec4<u32>'],
    ['scales', 'vec2<f32>'],
  ],
)}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let block = id.x + id.y * groups.x * ${THREADS}u;
  if (block >= params.blocks) { return; }
${times(8, j => `  let x${j} = x[block * 8u + ${j}u];`)}
  // Magnitudes as bits have the order of the numbers, with NaN above all: it becomes the scale, and so is not lost.
  var bits = vec4<u32>();
${times(8, j => `  bits = max(bits, bitcast<vec4<u32>>(x${j}) & vec4<u32>(0x7fffffffu));`)}
  let greatest = bitcast<f32>(max(max(bits.x, bits.y), max(bits.z, bits.w)));
  let factor = select(0.0, 127.0 / greatest, greatest > 0.0);
${times(8, j => `  let bytes${j} = pack4xI8Clamp(vec4<i32>(round(x${j} * factor)));`)}
  var sum = 0;
${times(8, j => `  sum += dot4I8Packed(bytes${j}, 0x01010101u);`)}
  values[block * 2u] = vec4<u32>(bytes0, bytes1, bytes2, bytes3);
  values[block * 2u + 1u] = vec4<u32>(bytes4, bytes5, bytes6, bytes7);
  let scale = greatest / 127.0;
  scales[block] = vec2<f32>(scale, scale * f32(sum));
}`,
}))

const tiled = shaderOf(
  (weight: Spec, add: boolean, tile: Tile) => {
    const { name, scaling, bytes } = readerOf(weight)
    const [across, down] = [tile.outputs / 4, tile.rows / tile.each]
    const threads = across * down
    // A thread's outputs and rows lie `across` and `down` apart, so that neighbouring lanes read and write neighbours.
    const rowOf = (i: number) => `local.y + ${i * down}u`
    const outOf = (k: number) => `local.x + ${k * across}u`
    const four = (value: (k: number) => string) => `vec4<f32>(${[0, 1, 2, 3].map(value).join(', ')})`
    const second = { none: '0.0', one: '0.0', halves: 'loaded.b', affine: 'loaded.c' }[scaling]
    const half = (h: number) => `
${times(4, k => `      let w${k} = sliceW[${h * tile.outputs}u + ${outOf(k)}];`)}
${times(tile.each, i => `      let x${i} = sliceX[${h * tile.rows}u + ${rowOf(i)}];\n      products${i} += dots(x${i}, w0, w1, w2, w3);`)}`
    const scaled = (factors: string) =>
      times(tile.each, i => `      sum${i} += vec4<f32>(products${i}) * (scaleX[${rowOf(i)}].x * ${factors});`)
    const zeros = times(tile.each, i => `      var products${i} = vec4<i32>();`)
    return {
      name: `linearTiled ${name} as int8${add ? ' added' : ''}, ${tile.rows}x${tile.outputs}`,
      code: /* wgsl */ `
requires ${FEATURE};
${declarations(weight, add, [
  ['x', 'vec4<u32>'],
  ['scales', 'vec2<f32>'],
])}
${bytesPrelude(weight)}
${bytes?.('weight')}

// A block of each row: elements 0 to 15 of all rows, then 16 to 31. Scales: of x and of its sum; those of the weight.
var<workgroup> sliceX: array<vec4<u32>, ${2 * tile.rows}>;
var<workgroup> sliceW: array<vec4<u32>, ${2 * tile.outputs}>;
var<workgroup> scaleX: array<vec2<f32>, ${tile.rows}>;
var<workgroup> scaleW: array<vec2<f32>, ${tile.outputs}>;

fn product(a: vec4<u32>, b: vec4<u32>) -> i32 {
  return dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y) + dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w);
}
fn dots(a: vec4<u32>, b0: vec4<u32>, b1: vec4<u32>, b2: vec4<u32>, b3: vec4<u32>) -> vec4<i32> {
  return vec4<i32>(product(a, b0), product(a, b1), product(a, b2), product(a, b3));
}

@compute @workgroup_size(${across}, ${down})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let firstOut = group.x * ${tile.outputs}u;
  let firstRow = group.y * ${tile.rows}u;
${times(tile.each, i => `  var sum${i} = vec4<f32>();`)}
  for (var block = 0u; block < params.size; block++) {
    // Rows past the end read the last one again; their sums are not written.
    for (var i = lane; i < ${2 * tile.rows}u; i += ${threads}u) {
      let source = min(firstRow + i / 2u, params.rows - 1u) * params.size + block;
      sliceX[(i % 2u) * ${tile.rows}u + i / 2u] = x[source * 2u + i % 2u];
      if (i % 2u == 0u) { scaleX[i / 2u] = scales[source]; }
    }
    // From the last lane on, because the first ones have loaded x.
    for (var i = ${threads - 1}u - lane; i < ${tile.outputs}u; i += ${threads}u) {
      let loaded = weightBytes(min(firstOut + i, params.out - 1u) * params.size + block);
      sliceW[i] = loaded.low;
      sliceW[${tile.outputs}u + i] = loaded.high;
      scaleW[i] = vec2<f32>(loaded.a, ${second});
    }
    workgroupBarrier();
    let a = ${four(k => `scaleW[${outOf(k)}].x`)};
${scaling === 'halves' || scaling === 'affine' ? `    let b = ${four(k => `scaleW[${outOf(k)}].y`)};` : ''}
    {
${zeros}
      {${half(0)}
      }
${
  scaling === 'halves'
    ? `${scaled('a')}
    }
    {
${zeros}`
    : ''
}
      {${half(1)}
      }
${scaled(scaling === 'halves' ? 'b' : 'a')}
    }
${scaling === 'affine' ? times(tile.each, i => `    sum${i} += scaleX[${rowOf(i)}].y * b;`) : ''}
    workgroupBarrier();
  }
${times(tile.each, i => `  write(sum${i}, firstRow + ${rowOf(i)}, firstOut + local.x);`)}
}
${writeSums(add, across)}`,
    }
  },
  (weight, add, tile) => `${readerOf(weight).name} ${add} ${tile.name}`,
)

/** Rounds x, then multiplies. The scratch memory is less than that of x, which one buffer holds. */
const steps = (tile: Tile, product: Product): readonly ShaderStep[] => {
  const { x, weight, residual } = product
  const { rows, columns } = asMatrix(x.shape)
  const size = columns / 32
  const blocks = rows * size
  const [values, scales] = [{ scratch: 32 * blocks }, { scratch: 8 * blocks }]
  const rounding: ShaderStep = {
    shader: rounded(),
    parameters: [blocks],
    groups: foldGroups(Math.ceil(blocks / THREADS)),
    reads: [storageOf(x)],
    writes: [values, scales],
  }
  const shader = tiled(weight, residual !== undefined, tile)
  return [rounding, ...tileSteps(shader, tile, product, size, [values, scales])]
}

/** A block of bytes and its scales for each row of x and of the weight. */
const sharedBytes = ({ rows, outputs }: Tile): number => (32 + 8) * (rows + outputs)

export const linearTiledInt8: readonly ShaderImplementation[] = tiles.flatMap(tile =>
  implementationsOf(
    { name: tile.name, variantOf: 'tiled', feature: FEATURE, precision: 'int8' },
    ({ weight }) => readerOf(weight).bytes !== undefined && sharedBytes(tile) <= SHARED_BYTES,
    product => steps(tile, product),
  ),
)
