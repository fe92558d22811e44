import { createRequire } from 'node:module'
import * as gpuJs from 'gpu.js'
import { expect, test } from 'vitest'
import { translateToWgsl } from '../src/devices/gpu-js'
import { kernel } from '../src/kernel'

// Cria compiles with gpu.js and dispatches itself, so it uses names that are not part of gpu.js's public API. If an upgrade changes one,
// these tests say which.

const library = gpuJs as unknown as Record<string, { prototype: Record<string, unknown> } & Record<string, unknown>>

test('gpu.js is the version that was measured', () => {
  expect(createRequire(import.meta.url)('gpu.js/package.json').version).toBe('2.24.1')
})

test('gpu.js still exports what the devices use', () => {
  expect(library.GPU).toBeTypeOf('function')
  expect(library.WebGPUKernel).toBeTypeOf('function')
  expect(library.input).toBeTypeOf('function')
  for (const name of ['isWebGL2Supported', 'isWebGLSupported', 'isHeadlessGLSupported'])
    expect(library.GPU[name], name).toBeTypeOf('boolean')
})

test('GL kernels still count their arguments by the method that GlDevice replaces', () => {
  expect(library.GLKernel.prototype.updateTextureArgumentRefs).toBeTypeOf('function')
})

test('a WebGPU kernel translates without a GPU and tells the layout of its parameters', () => {
  const scaled = kernel('scaled', [2, 1, 'integer', 'float'], function (x, weight, rows, factor) {
    let sum = 0
    for (let row = 0; row < rows; row++) {
      sum += x[row][this.thread.x] * weight[row]
    }
    return sum * factor
  })
  const { code, workgroupSize, parameters } = translateToWgsl(scaled, [4])
  expect(code).toContain('@group(0) @binding(3) var<storage, read_write> result')
  expect(workgroupSize).toEqual([64, 1, 1])
  expect(parameters.byteLength).toBe(64)
  expect(parameters.arrayArgs.map(({ index, dimsOffset }) => [index, dimsOffset])).toEqual([
    [0, 16],
    [1, 32],
  ])
  expect(parameters.scalarArgs.map(({ index, type, offset }) => [index, type, offset])).toEqual([
    [2, 'Integer', 48],
    [3, 'Float', 52],
  ])
})
