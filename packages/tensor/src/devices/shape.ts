import { type DType, dtypes } from '@cria/dtypes'
import type { Storage } from '../device'
import { DeviceFailedError } from '../errors'
import type { Extent, Kernel } from '../kernel'
import type { Call, Implementation, Op } from '../op'
import { sizeOf } from '../shape'
import { bytesOf, type Spec } from '../spec'
import { KernelDevice } from './kernel-device'

/** Types of weights: floats of at most 32 bits, and blocks. */
const weightTypes = (Object.keys(dtypes) as DType[]).filter(name => name !== 'f64' && dtypes[name].kind !== 'integer')

const nothing: Implementation = {
  name: 'shape',
  fits: ({ op }) => op.compose === undefined,
  run: ({ inputs, outputs, op: { inPlace } }: Call) =>
    outputs.map((output, i) => (inPlace ? inputs[inPlace[i]].storage : { bytes: bytesOf(output) })),
}

/** Computes shapes, costs and plans of models of any size, and allocates nothing: nothing on it can be read. */
export class ShapeDevice extends KernelDevice {
  readonly name = 'shape'
  readonly description = 'shapes and costs alone'
  override readonly weightTypes: readonly DType[] = weightTypes
  override readonly cacheTypes: readonly DType[] = ['f32', 'f16', 'q8_0']

  protected override implementationsOf(op: Op): readonly Implementation[] {
    // The kernels come first, so that a plan lists them. Types that they do not read still have shapes.
    return [...super.implementationsOf(op), nothing]
  }

  protected allocate(_data: unknown, spec: Spec): Storage {
    return { bytes: bytesOf(spec) }
  }

  protected release(): void {}

  protected dispatch(_kernel: Kernel, output: Extent): Storage {
    return { bytes: 4 * sizeOf(output) }
  }

  protected async download(): Promise<Float32Array> {
    throw new DeviceFailedError('shape', 'it holds no data to read; open another device')
  }

  protected async shutDown(): Promise<void> {}
}
