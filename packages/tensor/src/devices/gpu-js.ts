import * as gpuJs from 'gpu.js'
import { type Extent, type Kernel, LOOP_LIMIT } from '../kernel'

// The only file that imports gpu.js. Its published types are incomplete, so the parts that we use are declared here,
// and a test fails if one of these names is missing.

export type GpuMode = 'cpu' | 'webasm' | 'webgl' | 'webgl2' | 'headlessgl'

/** The names of gpu.js for the form of kernel arguments. */
type ArrayForm = 'Array' | 'Input' | 'ArrayTexture(1)'

export interface GpuKernel {
  (...args: unknown[]): unknown
  setOutput(output: number[]): void
  readonly kernel: { updateTextureArgumentRefs?: unknown; readonly texture?: unknown }
}

export interface Gpu {
  readonly context: unknown
  createKernel(source: string, settings: object): GpuKernel
  destroy(): Promise<void>
}

interface WgslKernel {
  build(...args: unknown[]): unknown
  /** Replaced by an empty function: this code builds the pipeline itself. */
  _buildAsync: () => Promise<void>
  readonly compiledSource: string
  readonly workgroupSize: [number, number, number]
  readonly paramsLayout: {
    readonly arrayArgs: readonly { name: string; index: number; dimsOffset: number }[]
    readonly scalarArgs: readonly { index: number; type: string; offset: number }[]
    readonly byteLength: number
  }
}

const library = gpuJs as unknown as {
  GPU: {
    new (settings: object): Gpu
    isWebGL2Supported: boolean
    isWebGLSupported: boolean
    isHeadlessGLSupported: boolean
  }
  WebGPUKernel: new (source: string, settings: object) => WgslKernel
  input(data: ArrayLike<number>, size: number[]): unknown
}

export const openGpu = (mode: GpuMode): Gpu => new library.GPU({ mode })

/** Whether gpu.js finds this GL mode here. */
export const supportsGl = (mode: 'webgl' | 'webgl2' | 'headlessgl'): boolean =>
  ({
    webgl2: library.GPU.isWebGL2Supported,
    webgl: library.GPU.isWebGLSupported,
    headlessgl: library.GPU.isHeadlessGLSupported,
  })[mode]

/** A flat array that a kernel indexes as nested. */
export const input = (data: Float32Array, extent: Extent): unknown => library.input(data, [...extent])

const settings = ({ parameters }: Kernel, output: Extent, arrays: ArrayForm) => ({
  output: [...output],
  argumentTypes: parameters.map(kind => (kind === 'integer' ? 'Integer' : kind === 'float' ? 'Float' : arrays)),
  dynamicOutput: true,
  dynamicArguments: true,
  loopMaxIterations: LOOP_LIMIT,
  precision: 'single',
  strictIntegers: true,
})

/** Compiles a kernel once for all sizes: outputs and arguments may change from call to call, their ranks may not. */
export const compileKernel = (gpu: Gpu, kernel: Kernel, output: Extent, arrays: ArrayForm, extra = {}): GpuKernel =>
  gpu.createKernel(kernel.source, { ...settings(kernel, output, arrays), ...extra })

export interface Wgsl {
  readonly code: string
  readonly workgroupSize: readonly [number, number, number]
  readonly parameters: WgslKernel['paramsLayout']
}

/** Translates a kernel to WGSL, for our own dispatcher. Bindings: 0 parameters, then the arrays in order, then the result. */
export const translateToWgsl = (kernel: Kernel, output: Extent): Wgsl => {
  const translated = new library.WebGPUKernel(kernel.source, settings(kernel, output, 'Input'))
  translated._buildAsync = async () => {}
  const examples = kernel.parameters.map(kind =>
    kind === 'integer' ? 1 : kind === 'float' ? 0.5 : input(new Float32Array(1), [1, 1, 1].slice(0, kind) as never),
  )
  translated.build(...examples)
  return {
    code: translated.compiledSource,
    workgroupSize: translated.workgroupSize,
    parameters: translated.paramsLayout,
  }
}
