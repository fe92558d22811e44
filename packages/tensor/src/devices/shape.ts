import type { Storage } from '../device'
import { DeviceFailedError } from '../errors'
import type { Extent, Kernel } from '../kernel'
import { type Shape, sizeOf } from '../shape'
import type { DType } from '../tensor'
import { KernelDevice } from './kernel-device'

/** Computes shapes, costs and plans of models of any size, and allocates nothing: nothing on it can be read. */
export class ShapeDevice extends KernelDevice {
  readonly name = 'shape'
  readonly description = 'shapes and costs alone'
  override readonly weightTypes: readonly DType[] = ['f32', 'f16', 'q8_0', 'q4_0']

  protected allocate(_data: unknown, _dtype: DType, shape: Shape): Storage {
    return { bytes: 4 * sizeOf(shape) }
  }

  protected release(): void {}

  protected dispatch(_kernel: Kernel, output: Extent): Storage {
    return { bytes: 4 * sizeOf(output) }
  }

  protected async download(): Promise<Float32Array> {
    throw new DeviceFailedError('shape', 'it holds no data to read; open another device')
  }

  async close(): Promise<void> {}
}
