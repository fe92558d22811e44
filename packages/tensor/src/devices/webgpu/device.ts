import type { Storage, TensorData } from '../../device'
import { DeviceFailedError, DeviceUnavailableError } from '../../errors'
import type { Extent, Kernel } from '../../kernel'
import type { View } from '../../op'
import { type Shape, sizeOf } from '../../shape'
import type { DType, Tensor } from '../../tensor'
import { translateToWgsl, type Wgsl } from '../gpu-js'
import { type AnyArguments, KernelDevice, type Twin } from '../kernel-device'
import { describe, requestAdapter } from './adapter'
import { Buffers, type GpuStorage } from './buffers'
import { DispatchQueue, type Program } from './queue'
import { shaderTwins } from './twins'
import type { Shader, ShaderTwin } from './twins/shader'
import { packWeight } from './weights'

/**
 * gpu.js compiles the kernels to WGSL; this device dispatches them: buffers persist, the dispatches of a forward pass go into
 * one submit, and nothing is awaited before data is read.
 */
export class WebGpuDevice extends KernelDevice {
  readonly name = 'webgpu'
  readonly description: string
  override readonly weightTypes: readonly DType[] = ['f32', 'f16', 'q8_0', 'q4_0']
  readonly #buffers: Buffers
  readonly #queue: DispatchQueue
  readonly #kernels = new Map<Kernel, { wgsl: Wgsl; program: Program }>()
  readonly #shaders = new Map<Shader, Program>()
  #failure: DeviceFailedError | undefined

  private constructor(
    adapter: GPUAdapter,
    private readonly gpu: GPUDevice,
  ) {
    super()
    this.description = describe(adapter)
    this.#buffers = new Buffers(gpu)
    this.#queue = new DispatchQueue(gpu, this.#buffers)
    gpu.onuncapturederror = event => this.#fail((event as unknown as { error: Error }).error.message)
    void gpu.lost.then(({ reason, message }) => {
      if (reason !== 'destroyed') this.#fail(`the GPU was lost: ${message}`)
    })
  }

  /** @throws DeviceUnavailableError without an adapter @throws DeviceFailedError when the adapter refuses a device */
  static async open(): Promise<WebGpuDevice> {
    const adapter = await requestAdapter(true)
    if (typeof adapter === 'string') throw new DeviceUnavailableError('webgpu', adapter)
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits
    try {
      return new WebGpuDevice(
        adapter,
        await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } }),
      )
    } catch (error) {
      throw new DeviceFailedError('webgpu', (error as Error).message)
    }
  }

  /** Submits to the GPU since the device was opened: one a forward pass. */
  get submits(): number {
    return this.#queue.submits
  }

  /** GPU buffers that exist, those kept for reuse among them. */
  get buffers(): number {
    return this.#buffers.count
  }

  protected override readonly twins: Readonly<Record<string, Twin>> = Object.fromEntries(
    shaderTwins.map(twin => [
      twin.op,
      (inputs: readonly Tensor[], attributes: unknown, shape: Shape) => this.#runTwin(twin, inputs, attributes, shape),
    ]),
  )

  protected allocate(data: TensorData | undefined, dtype: DType, shape: Shape): Storage {
    if (!data) {
      const storage = this.#buffers.forOutput(4 * sizeOf(shape))
      this.#queue.clear(storage)
      return storage
    }
    const values = dtype === 'f32' ? asFloats(data) : packWeight(data, dtype, shape)
    const storage = this.#buffers.forUpload(values.byteLength)
    this.gpu.queue.writeBuffer(storage.buffer, 0, values)
    return storage
  }

  protected release(storage: Storage): void {
    this.#buffers.free(storage as GpuStorage)
  }

  protected dispatch(kernel: Kernel, output: Extent, args: AnyArguments): Storage {
    const { wgsl, program } = this.#compiled(kernel, output)
    const { groups, width } = this.#groups(output, wgsl.workgroupSize)
    const parameters = new ArrayBuffer(program.parameterBytes)
    const words = new DataView(parameters)
    const [x, y = 1, z = 1] = output
    setWords(words, 0, [x, y, z, width])
    const values = Object.keys(kernel.parameters).map(name => args[name])
    const reads = wgsl.parameters.arrayArgs.map(({ index, dimsOffset }) => {
      const { storage, extent } = values[index] as View
      const [x, y = 1, z = 1] = extent
      setWords(words, dimsOffset, [x, y, z, x * y * z])
      return storage as GpuStorage
    })
    for (const { index, type, offset } of wgsl.parameters.scalarArgs)
      if (type === 'Integer') words.setInt32(offset, values[index] as number, true)
      else words.setFloat32(offset, values[index] as number, true)
    const result = this.#buffers.forOutput(4 * x * y * z)
    this.#queue.dispatch(program, parameters, reads, result, groups)
    return result
  }

  protected async download(storage: Storage, size: number): Promise<Float32Array> {
    try {
      const values = await this.#queue.read(storage as GpuStorage, 4 * size)
      if (this.#failure) throw this.#failure
      return values
    } catch (error) {
      throw this.#failure ?? new DeviceFailedError('webgpu', (error as Error).message)
    }
  }

  async close(): Promise<void> {
    this.gpu.destroy()
  }

  #runTwin(twin: ShaderTwin, inputs: readonly Tensor[], attributes: unknown, shape: Shape): Storage | undefined {
    const plan = twin.plan(inputs, attributes as never)
    if (!plan) return undefined
    const { shader, parameters, groups, inPlace } = plan
    this.note(twin.op, shader.name, groups)
    const storages = inputs.map(input => input.storage as GpuStorage)
    const [result, reads] = inPlace
      ? [storages[0], storages.slice(1)]
      : [this.#buffers.forOutput(4 * sizeOf(shape)), storages]
    let program = this.#shaders.get(shader)
    if (!program) {
      program = this.#queue.program(this.#nextProgram(), shader.name, shader.code, reads.length, 4 * parameters.length)
      this.#shaders.set(shader, program)
    }
    this.#queue.dispatch(program, Uint32Array.from(parameters).buffer, reads, result, groups)
    return result
  }

  #compiled(kernel: Kernel, output: Extent): { wgsl: Wgsl; program: Program } {
    let compiled = this.#kernels.get(kernel)
    if (!compiled) {
      const wgsl = translateToWgsl(kernel, output)
      const { arrayArgs, byteLength } = wgsl.parameters
      compiled = {
        wgsl,
        program: this.#queue.program(this.#nextProgram(), kernel.name, wgsl.code, arrayArgs.length, byteLength),
      }
      this.#kernels.set(kernel, compiled)
    }
    return compiled
  }

  #nextProgram(): number {
    return this.#kernels.size + this.#shaders.size
  }

  /** Workgroups of a dispatch. A long 1-D one is folded over y; `width` tells the shader where. */
  #groups(output: Extent, size: readonly [number, number, number]) {
    const limit = this.gpu.limits.maxComputeWorkgroupsPerDimension
    const groups = size.map((threads, axis) => Math.ceil((output[axis] ?? 1) / threads)) as [number, number, number]
    if (output.length > 1) return { groups, width: 0 }
    groups[1] = Math.ceil(groups[0] / limit)
    groups[0] = Math.ceil(groups[0] / groups[1])
    return { groups, width: groups[0] * size[0] }
  }

  #fail(problem: string): void {
    this.#failure ??= new DeviceFailedError('webgpu', problem)
  }
}

const setWords = (view: DataView, offset: number, words: readonly number[]): void => {
  for (const [i, word] of words.entries()) view.setUint32(offset + 4 * i, word, true)
}

const asFloats = (data: TensorData): Float32Array<ArrayBuffer> =>
  data instanceof Float32Array ? (data as Float32Array<ArrayBuffer>) : Float32Array.from(data)
