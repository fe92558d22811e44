import type { DType } from '@cria/dtypes'
import type { Storage } from '../../device'
import type { Call, Implementation, Op } from '../../op'
import { type CopyRowsAttributes, copyRowsOp } from '../../ops/copy-rows'
import { bytesOf } from '../../spec'
import { KernelDevice } from '../kernel-device'
import type { GpuStorage } from './buffers'
import { shaderImplementations } from './shaders'
import { areWhole, type ShaderImplementation } from './shaders/shader'
import { readableTypes } from './weight-readers'

/** Copies of rows: from a byte of one buffer to a byte of another. */
export interface RowsCopy {
  readonly source: GpuStorage
  readonly from: number
  readonly target: GpuStorage
  readonly to: number
  readonly bytes: number
}

/** What the device `webgpu`, and plans of it, have in common: which shader runs an op. */
export abstract class ShaderDevice extends KernelDevice {
  override readonly weightTypes: readonly DType[] = readableTypes
  override readonly cacheTypes: readonly DType[] = ['f16', 'f32']

  /** Features of the GPU that shaders may use. */
  abstract get features(): ReadonlySet<string>

  /** Runs the steps of an implementation in order. */
  protected abstract runShaders(implementation: ShaderImplementation, call: Call): readonly Storage[]
  protected abstract copy(copy: RowsCopy): void

  /** The kernels of gpu.js read whole buffers alone; the shaders say themselves which inputs they read in parts. */
  protected override implementationsOf(op: Op): readonly Implementation[] {
    return super
      .implementationsOf(op)
      .map(one => (one.name === 'kernels' ? { ...one, fits: call => areWhole(call.inputs) && one.fits(call) } : one))
  }

  protected override betterImplementations(op: Op): readonly Implementation[] {
    if (op === (copyRowsOp as Op)) return [this.#copyInPlace]
    return shaderImplementations
      .filter(implementation => implementation.op === op)
      .map(implementation => ({
        name: implementation.name,
        fits: call => implementation.fits(call),
        run: call => this.runShaders(implementation, call),
      }))
  }

  /** The queue's own copy: a shader cannot bind one buffer both to read and to write. */
  readonly #copyInPlace: Implementation = {
    name: 'in place',
    fits: () => true,
    run: ({ inputs: [target, source], attributes }) => {
      const { from, to, count } = attributes as CopyRowsAttributes
      const rowBytes = bytesOf(target) / target.shape[0]
      this.note('copyRows', 'copyBufferToBuffer', [count])
      this.copy({
        ...{ source: source.storage as GpuStorage, from: from * rowBytes },
        ...{ target: target.storage as GpuStorage, to: to * rowBytes, bytes: count * rowBytes },
      })
      return [target.storage]
    },
  }
}
