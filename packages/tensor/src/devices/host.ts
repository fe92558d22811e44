import type { Storage, TensorData } from '../device'
import { DeviceFailedError } from '../errors'
import type { Extent, Kernel } from '../kernel'
import type { View } from '../op'
import { type Shape, sizeOf } from '../shape'
import type { DType, Tensor } from '../tensor'
import { compileKernel, type Gpu, type GpuKernel, input, openGpu } from './gpu-js'
import { type AnyArguments, KernelDevice, type Twin } from './kernel-device'

/** Memory of the process, and the nested arrays under which gpu.js's `cpu` kernels see it. */
class HostStorage implements Storage {
  readonly #nested = new Map<string, unknown>()
  constructor(readonly data: Float32Array) {}

  get bytes(): number {
    return this.data.byteLength
  }

  nested(extent: Extent): unknown {
    const key = extent.join()
    let view = this.#nested.get(key)
    if (!view) {
      view = nest(this.data, extent)
      this.#nested.set(key, view)
    }
    return view
  }
}

const nest = (data: Float32Array, [x, y, z]: Extent): Float32Array | Float32Array[] | Float32Array[][] => {
  const rows = (from: number, count: number) =>
    Array.from({ length: count }, (_, row) => data.subarray(from + row * x, from + (row + 1) * x))
  if (y === undefined) return data
  if (z === undefined) return rows(0, y)
  return Array.from({ length: z }, (_, layer) => rows(layer * x * y, y))
}

const flatten = (result: unknown, into: Float32Array): Float32Array => {
  let offset = 0
  const append = (part: unknown): void => {
    if (part instanceof Float32Array) {
      into.set(part, offset)
      offset += part.length
    } else for (const inner of part as unknown[]) append(inner)
  }
  append(result)
  return into
}

/**
 * gpu.js's `cpu` (JavaScript) and `webasm` (WebAssembly SIMD) modes. Both compute at once, on memory of the process.
 * `cpu` is handed nested arrays: with flat inputs its kernels take the output's width for the input's.
 */
export class HostDevice extends KernelDevice {
  readonly description: string
  readonly #gpu: Gpu
  readonly #kernels = new Map<Kernel, GpuKernel>()

  constructor(readonly name: 'cpu' | 'webasm') {
    super()
    this.description = name === 'cpu' ? 'gpu.js, JavaScript on one thread' : 'gpu.js, WebAssembly SIMD on one thread'
    this.#gpu = openGpu(name)
  }

  protected override readonly twins: Readonly<Record<string, Twin>> = {
    writeRows: ([target, source]: readonly Tensor[], { row }: { row: number }) => {
      const { data } = target.storage as HostStorage
      const [batch, rows] = target.shape
      const width = target.size / (batch * rows)
      const count = source.size / batch
      for (let b = 0; b < batch; b++)
        data.set((source.storage as HostStorage).data.subarray(b * count, (b + 1) * count), (b * rows + row) * width)
      return target.storage
    },
  }

  protected allocate(data: TensorData | undefined, _dtype: DType, shape: Shape): Storage {
    const values = this.#floats(sizeOf(shape))
    if (data) values.set(data)
    return new HostStorage(values)
  }

  protected release(): void {}

  protected dispatch(kernel: Kernel, output: Extent, args: AnyArguments): Storage {
    const run = this.#compiled(kernel, output)
    run.setOutput([...output])
    const result = run(
      ...Object.keys(kernel.parameters).map(name => {
        const value = args[name]
        return typeof value === 'number' ? value : this.#array(value)
      }),
    )
    return new HostStorage(flatten(result, this.#floats(sizeOf(output))))
  }

  protected async download(storage: Storage): Promise<Float32Array> {
    return (storage as HostStorage).data.slice()
  }

  async close(): Promise<void> {
    await this.#gpu.destroy()
  }

  /** @throws DeviceFailedError where the process has no memory for them */
  #floats(size: number): Float32Array {
    try {
      return new Float32Array(size)
    } catch (error) {
      const problem = `a tensor of ${4 * size} bytes is more than this process can hold: take a smaller model or context`
      throw new DeviceFailedError(this.name, problem, { cause: error })
    }
  }

  #array({ storage, extent }: View): unknown {
    const host = storage as HostStorage
    return this.name === 'cpu' ? host.nested(extent) : input(host.data, extent)
  }

  #compiled(kernel: Kernel, output: Extent): GpuKernel {
    let compiled = this.#kernels.get(kernel)
    if (!compiled) {
      compiled = compileKernel(this.#gpu, kernel, output, this.name === 'cpu' ? 'Array' : 'Input')
      this.#kernels.set(kernel, compiled)
    }
    return compiled
  }
}
