import type { Op, Operand } from '../../../op'
import { linearOp } from '../../../ops/linear'
import { linearAddOp } from '../../../ops/linear-add'
import { asMatrix } from '../../../shape'
import type { Spec } from '../../../spec'
import { blocksOf, readerOf, readerPrelude } from '../weight-readers'
import {
  areWhole,
  bindings,
  type Shader,
  type ShaderImplementation,
  type ShaderStep,
  type Slot,
  storageOf,
  windowsOf,
} from './shader'

// What products by tiles share. Shapes: R rows of x, D its columns, N rows of the weight.

/** The outputs of a workgroup, rows of x by rows of the weight, and the rows of x of each thread, which has 4 outputs in each. */
export interface Tile {
  readonly name: string
  readonly rows: number
  readonly outputs: number
  readonly each: number
}

/**
 * WGSL that declares what a product binds, and reads the weight. Parameters: units in a row, and rows of the weight, of x and of y.
 * @param xs the arrays of x
 */
export const declarations = (
  weight: Spec,
  add: boolean,
  xs: readonly (readonly [name: string, type: string])[] = [['x', 'vec4<f32>']],
): string => {
  const { element, code } = readerOf(weight)
  const residual = add ? ([['residual', 'f32']] as const) : []
  return `
struct Params { size: u32, out: u32, blocks: u32, first: u32, stride: u32, rows: u32 }
@group(0) @binding(0) var<uniform> params: Params;
${bindings([...xs, ['weight', element], ...residual], [['y', 'f32']])}
${readerPrelude(weight)}
${code('weight')}`
}

/** WGSL of `write(sums, row, start)`, which writes a thread's four sums of a row of x. @param apart distance of their outputs */
export const writeSums = (add: boolean, apart: number): string => `
fn write(sums: vec4<f32>, row: u32, start: u32) {
  if (row >= params.rows) { return; }
  for (var j = 0u; j < 4u; j++) {
    let n = start + j * ${apart}u;
    let to = row * params.stride + params.first + n;
    if (n < params.out) { y[to] = ${add ? 'residual[to] + ' : ''}sums[j]; }
  }
}`

/** Inputs of `linear`, or of `linearAdd` with a residual. */
export interface Product {
  readonly x: Operand
  readonly weight: Operand
  readonly residual: Operand | undefined
}

/** One dispatch for each buffer of the weight. @param size units in a row @param reads x as the shader binds it */
export const tileSteps = (
  shader: Shader,
  tile: Pick<Tile, 'rows' | 'outputs'>,
  { x, weight, residual }: Product,
  size: number,
  reads: readonly Slot[],
): readonly ShaderStep[] => {
  const { rows } = asMatrix(x.shape)
  return windowsOf(weight).map(({ storage, first, rows: out }) => ({
    shader,
    parameters: [size, out, blocksOf(weight, out), first, weight.shape[0], rows],
    groups: [Math.ceil(out / tile.outputs), Math.ceil(rows / tile.rows), 1],
    reads: [...reads, storage, ...(residual ? [storageOf(residual)] : [])],
    writes: [{ output: 0 }],
  }))
}

/** A product as implementations of `linear` and of `linearAdd`. */
export const implementationsOf = (
  description: Omit<ShaderImplementation, 'op' | 'fits' | 'plan'>,
  fits: (product: Product) => boolean,
  plan: (product: Product) => readonly ShaderStep[],
): readonly ShaderImplementation[] =>
  [linearOp as Op, linearAddOp as Op].map(op => ({
    ...description,
    op,
    fits: ({ inputs: [x, weight, residual] }) =>
      areWhole(residual ? [x, residual] : [x]) && fits({ x, weight, residual }),
    plan: ({ inputs: [x, weight, residual] }) => plan({ x, weight, residual }),
  }))
