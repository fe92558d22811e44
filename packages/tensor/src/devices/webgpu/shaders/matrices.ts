import { asMatrix } from '../../../shape'
import type { Spec } from '../../../spec'
import { readerOf } from '../weight-readers'
import { type MatrixFeature, type ShaderImplementation, shaderOf, storageOf, times } from './shader'
import { declarations, implementationsOf, tileSteps } from './tiles'

// Shapes: R rows of x, D its columns (a multiple of 4), N rows of the weight.
//
// A workgroup has a tile of the outputs, and its subgroups multiply matrices of a size that the GPU has units for (tensor cores, simdgroup
// matrices). Slices of x and of the weight lie in shared memory as rows, so x is row-major and the weight's transpose
// column-major. The extension of WGSL is not in the standard yet, so a device has it only if it is asked for.

/** A matrix M×K times a matrix K×N, plus sums M×N in f32, by one instruction of a subgroup. */
export interface MatrixSize {
  readonly type: 'f16' | 'f32'
  readonly m: number
  readonly n: number
  readonly k: number
}

/** Sizes of NVIDIA's and AMD's, Intel's, and Apple's units. */
export const matrixSizes: readonly MatrixSize[] = [
  { type: 'f16', m: 16, n: 16, k: 16 },
  { type: 'f16', m: 8, n: 16, k: 16 },
  { type: 'f32', m: 8, n: 8, k: 8 },
]

export const matrixFeature = ({ type, m, n, k }: MatrixSize): MatrixFeature => `matrices ${type} ${m}x${n}x${k}`

const LANES = 128
/** Lanes of the largest subgroup, so a workgroup has two at least. */
export const MOST_LANES = 64
const ROWS = 32
const OUTPUTS = 64

/** Columns of a slice. */
const STEP = 32
const QUADS = STEP / 4
/** Rows of outputs that are in shared memory at once: in f32 they and the slices take 16 KiB, what every adapter has. */
const PART = 16

const product = shaderOf(
  (weight: Spec, add: boolean, size: MatrixSize) => {
    const { type, m, n, k } = size
    const perRow = OUTPUTS / n
    const matrices = (ROWS / m) * perRow
    const load = (array: string, from: string, row: string, count: number) => `
    for (var i = lane; i < ${count * QUADS}u; i += ${LANES}u) {
      let at = i / ${QUADS}u;
      let quad = start + i % ${QUADS}u;
      var loaded = vec4<f32>();
      if (quad < params.size) { loaded = ${from}(${row} * params.size + quad); }
      let to = at * ${STEP}u + 4u * (i % ${QUADS}u);
${times(4, j => `      ${array}[to + ${j}u] = Element(loaded[${j}]);`)}
    }`
    return {
      name: `linear by matrices ${readerOf(weight).name}${add ? ' added' : ''}, ${matrixFeature(size)}`,
      code: /* wgsl */ `
${type === 'f16' ? 'enable f16;' : ''}
enable subgroups;
enable chromium_experimental_subgroup_matrix;
requires subgroup_id;
// Which subgroup a lane is in is the same for all lanes of one, which the compiler does not know.
diagnostic(off, chromium.subgroup_matrix_uniformity);
alias Element = ${type};
alias Left = subgroup_matrix_left<Element, ${k}, ${m}>;
alias Right = subgroup_matrix_right<Element, ${n}, ${k}>;
alias Sums = subgroup_matrix_result<f32, ${n}, ${m}>;
${declarations(weight, add)}

var<workgroup> sliceX: array<Element, ${ROWS * STEP}>;
var<workgroup> sliceW: array<Element, ${OUTPUTS * STEP}>;
var<workgroup> outputs: array<f32, ${PART * OUTPUTS}>;
fn xQuad(quad: u32) -> vec4<f32> { return x[quad]; }

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32,
        @builtin(subgroup_id) subgroup: u32, @builtin(num_subgroups) subgroups: u32) {
  let firstOut = group.x * ${OUTPUTS}u;
  let firstRow = group.y * ${ROWS}u;
  var sums: array<Sums, ${(matrices * MOST_LANES) / LANES}>;
  for (var start = 0u; start < params.size; start += ${QUADS}u) {
${load('sliceX', 'xQuad', 'min(firstRow + at, params.rows - 1u)', ROWS)}
${load('sliceW', 'weightQuad', 'min(firstOut + at, params.out - 1u)', OUTPUTS)}
    workgroupBarrier();
    for (var j = 0u; subgroup + j * subgroups < ${matrices}u; j++) {
      let matrix = subgroup + j * subgroups;
      for (var at = 0u; at < ${STEP}u; at += ${k}u) {
        let left = subgroupMatrixLoad<Left, row_major>(&sliceX, matrix / ${perRow}u * ${m * STEP}u + at, ${STEP}u);
        let right = subgroupMatrixLoad<Right, col_major>(&sliceW, matrix % ${perRow}u * ${n * STEP}u + at, ${STEP}u);
        sums[j] = subgroupMatrixMultiplyAccumulate(left, right, sums[j]);
      }
    }
    workgroupBarrier();
  }
  for (var part = 0u; part < ${ROWS}u; part += ${PART}u) {
    for (var j = 0u; subgroup + j * subgroups < ${matrices}u; j++) {
      let matrix = subgroup + j * subgroups;
      let row = matrix / ${perRow}u * ${m}u;
      if (row < part || row >= part + ${PART}u) { continue; }
      let to = (row - part) * ${OUTPUTS}u + matrix % ${perRow}u * ${n}u;
      subgroupMatrixStore<row_major>(&outputs, to, sums[j], ${OUTPUTS}u);
    }
    workgroupBarrier();
    for (var i = lane; i < ${PART * OUTPUTS}u; i += ${LANES}u) {
      let row = firstRow + part + i / ${OUTPUTS}u;
      let out = firstOut + i % ${OUTPUTS}u;
      if (row >= params.rows || out >= params.out) { continue; }
      let to = row * params.stride + params.first + out;
      y[to] = ${add ? 'residual[to] + ' : ''}outputs[i];
    }
    workgroupBarrier();
  }
}`,
    }
  },
  (weight, add, size) => `${readerOf(weight).name} ${add} ${matrixFeature(size)}`,
)

/** Products by the matrix units of a GPU. */
export const linearByMatrices: readonly ShaderImplementation[] = matrixSizes.flatMap(size => {
  const feature = matrixFeature(size)
  return implementationsOf(
    { name: `tiled ${feature}`, variantOf: 'tiled', feature, precision: size.type },
    ({ x, weight }) => asMatrix(x.shape).columns % (4 * readerOf(weight).quads) === 0,
    operands => {
      const { x, weight, residual } = operands
      const shader = product(weight, residual !== undefined, size)
      return tileSteps(shader, { rows: ROWS, outputs: OUTPUTS }, operands, asMatrix(x.shape).columns / 4, [
        storageOf(x),
      ])
    },
  )
})
