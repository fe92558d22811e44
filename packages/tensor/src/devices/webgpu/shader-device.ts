import type { DType } from '@cria/dtypes'
import type { DeviceOptions, Storage } from '../../device'
import type { Extent } from '../../kernel'
import type { Call, Implementation, Op } from '../../op'
import { type CopyRowsAttributes, copyRowsOp } from '../../ops/copy-rows'
import { bytesOf } from '../../spec'
import { KernelDevice } from '../kernel-device'
import type { GpuStorage } from './buffers'
import { shaderImplementations } from './shaders'
import { areWhole, type ShaderImplementation } from './shaders/shader'
import type { Choices } from './tuning/contest'
import { readableTypes } from './weight-readers'

/** Copies of rows: from a byte of one buffer to a byte of another. */
export interface RowsCopy {
  readonly source: GpuStorage
  readonly from: number
  readonly target: GpuStorage
  readonly to: number
  readonly bytes: number
}

/** What runs shaders and copies: a GPU, or a plan of one. */
export interface ShaderRunner {
  /** Whether the processor runs the shaders. */
  readonly software: boolean
  /** Runs the steps of an implementation in order. */
  readonly runShaders: (implementation: ShaderImplementation, call: Call) => readonly Storage[]
  readonly copy: (copy: RowsCopy) => void
  /** Tells the device's record what is enqueued. */
  readonly note: (op: string, shader: string, extent: Extent) => void
}

/** The shaders that compute an op with these features of the GPU, the default first. */
export const shadersOf = (op: Op, features: ReadonlySet<string>, runner: ShaderRunner): readonly Implementation[] => {
  if (op === (copyRowsOp as Op)) return [copyInPlace(runner)]
  const rank = ({ software }: ShaderImplementation) => (runner.software && software ? 0 : 1)
  return shaderImplementations
    .filter(({ op: of, feature }) => of === op && (feature === undefined || features.has(feature)))
    .toSorted((a, b) => rank(a) - rank(b))
    .map(implementation => ({
      name: implementation.name,
      fits: call => implementation.fits(call),
      run: call => runner.runShaders(implementation, call),
    }))
}

/** The queue's own copy: a shader cannot bind one buffer both to read and to write. */
const copyInPlace = ({ note, copy }: ShaderRunner): Implementation => ({
  name: 'in place',
  fits: () => true,
  run: ({ inputs: [target, source], attributes }) => {
    const { from, to, count } = attributes as CopyRowsAttributes
    const rowBytes = bytesOf(target) / target.shape[0]
    note('copyRows', 'copyBufferToBuffer', [count])
    copy({
      ...{ source: source.storage as GpuStorage, from: from * rowBytes },
      ...{ target: target.storage as GpuStorage, to: to * rowBytes, bytes: count * rowBytes },
    })
    return [target.storage]
  },
})

/**
 * The common part of the device `webgpu` and its plans. The object that runs shaders is not a member: its types use those of a
 * GPU, which a program without the types of WebGPU does not have.
 */
export abstract class ShaderDevice extends KernelDevice {
  override readonly weightTypes: readonly DType[] = readableTypes
  override readonly cacheTypes: readonly DType[] = ['f16', 'f32']

  /** What measurements chose among variants. */
  protected readonly choices: Choices

  constructor(force: DeviceOptions['force'], choices: Choices) {
    super(force)
    this.choices = choices
  }

  /** Features of the GPU that shaders may use. */
  abstract get features(): ReadonlySet<string>

  protected override preferred(call: Call): string | undefined {
    return this.choices.of(call)
  }

  /** The kernels of gpu.js read whole buffers alone; the shaders say themselves which inputs they read in parts. */
  protected override implementationsOf(op: Op): readonly Implementation[] {
    return super
      .implementationsOf(op)
      .map(one => (one.name === 'kernels' ? { ...one, fits: call => areWhole(call.inputs) && one.fits(call) } : one))
  }
}
