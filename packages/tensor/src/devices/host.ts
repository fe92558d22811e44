import type { DeviceOptions, Storage, TensorData } from '../device'
import { DeviceFailedError } from '../errors'
import type { Extent, Kernel } from '../kernel'
import type { Call, Implementation, Op, View } from '../op'
import { type CopyRowsAttributes, copyRowsOp } from '../ops/copy-rows'
import { writeRowsOp } from '../ops/write-rows'
import { sizeOf } from '../shape'
import type { Spec } from '../spec'
import { compileKernel, type Gpu, type GpuKernel, input, openGpu } from './gpu-js'
import { asFloats, type KernelArguments, KernelDevice } from './kernel-device'

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

/** Rows are written in place, without a copy of the whole target. */
const writeRowsInPlace: Implementation = {
  name: 'in place',
  fits: () => true,
  run: ({ inputs: [target, source, rows] }: Call) => {
    const [to, from, at] = [target, source, rows].map(({ storage }) => (storage as HostStorage).data)
    const width = to.length / target.shape[0]
    for (let n = 0; n < at.length; n++) to.set(from.subarray(n * width, (n + 1) * width), at[n] * width)
    return [target.storage]
  },
}

const copyRowsInPlace: Implementation = {
  name: 'in place',
  fits: () => true,
  run: ({ inputs: [target, source], attributes }: Call) => {
    const { from, to, count } = attributes as CopyRowsAttributes
    const [into, of] = [target, source].map(({ storage }) => (storage as HostStorage).data)
    const width = into.length / target.shape[0]
    into.set(of.subarray(from * width, (from + count) * width), to * width)
    return [target.storage]
  },
}

const inPlace = new Map<Op, Implementation>([
  [writeRowsOp as Op, writeRowsInPlace],
  [copyRowsOp as Op, copyRowsInPlace],
])

/**
 * gpu.js's `cpu` (JavaScript) and `webasm` (WebAssembly SIMD) modes. Both compute at once, on memory of the process.
 * `cpu` gets nested arrays: with flat inputs, its kernels would use the output's width instead of the input's.
 */
export class HostDevice extends KernelDevice {
  readonly description: string
  override readonly synchronous = true
  readonly #gpu: Gpu
  readonly #kernels = new Map<Kernel, GpuKernel>()

  constructor(
    readonly name: 'cpu' | 'webasm',
    force?: DeviceOptions['force'],
  ) {
    super(force)
    this.description = name === 'cpu' ? 'gpu.js, JavaScript on one thread' : 'gpu.js, WebAssembly SIMD on one thread'
    this.#gpu = openGpu(name)
  }

  protected override betterImplementations(op: Op): readonly Implementation[] {
    const found = inPlace.get(op)
    return found ? [found] : []
  }

  protected allocate(data: TensorData | undefined, { shape }: Spec): Storage {
    const values = this.#floats(sizeOf(shape))
    if (data) values.set(asFloats(data))
    return new HostStorage(values)
  }

  protected release(): void {}

  protected dispatch(kernel: Kernel, output: Extent, args: KernelArguments): Storage {
    const run = this.#compiled(kernel, output)
    run.setOutput([...output])
    const result = run(...args.map(value => (typeof value === 'number' ? value : this.#array(value))))
    return new HostStorage(flatten(result, this.#floats(sizeOf(output))))
  }

  protected async download(storage: Storage): Promise<Float32Array> {
    return (storage as HostStorage).data.slice()
  }

  protected async shutDown(): Promise<void> {
    await this.#gpu.destroy()
  }

  /** @throws DeviceFailedError if the process has no memory for them */
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
