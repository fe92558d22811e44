import { bytesOf as bytesOfView, type DType } from '@cria/dtypes'
import type { DeviceOptions, Storage, TensorData, Upload } from '../../device'
import { DeviceFailedError, DeviceUnavailableError } from '../../errors'
import type { Extent, Kernel } from '../../kernel'
import type { Call, Implementation, Op, View } from '../../op'
import { type CopyRowsAttributes, copyRowsOp } from '../../ops/copy-rows'
import { sizeOf } from '../../shape'
import { bytesOf, type Spec } from '../../spec'
import { Tensor } from '../../tensor'
import { translateToWgsl, type Wgsl } from '../gpu-js'
import { asFloats, type KernelArguments, KernelDevice } from '../kernel-device'
import { describe, isSoftware, requestAdapter } from './adapter'
import { Buffers, type GpuStorage } from './buffers'
import { DispatchQueue, type Program } from './queue'
import { shaderImplementations } from './shaders'
import type { Shader, ShaderImplementation } from './shaders/shader'
import { packWeight, readableTypes } from './weights'

/**
 * gpu.js compiles the kernels to WGSL; this device dispatches them: buffers persist, the dispatches of a forward pass go into
 * one submit, and nothing is awaited before data is read.
 */
export class WebGpuDevice extends KernelDevice {
  readonly name = 'webgpu'
  readonly description: string
  override readonly software: boolean
  override readonly weightTypes: readonly DType[] = readableTypes
  readonly #buffers: Buffers
  readonly #queue: DispatchQueue
  readonly #kernels = new Map<Kernel, { wgsl: Wgsl; program: Program }>()
  readonly #shaders = new Map<Shader, Program>()
  #failure: DeviceFailedError | undefined

  private constructor(
    adapter: GPUAdapter,
    private readonly gpu: GPUDevice,
    force: DeviceOptions['force'],
  ) {
    super(force)
    this.description = describe(adapter)
    this.software = isSoftware(adapter)
    this.#buffers = new Buffers(gpu)
    this.#queue = new DispatchQueue(gpu, this.#buffers)
    gpu.onuncapturederror = event => this.#fail((event as unknown as { error: Error }).error.message)
    void gpu.lost.then(({ reason, message }) => {
      if (reason !== 'destroyed') this.#fail(`the GPU was lost: ${message}`)
    })
  }

  /** @throws DeviceUnavailableError without an adapter @throws DeviceFailedError when the adapter refuses a device */
  static async open({ force }: Pick<DeviceOptions, 'force'> = {}, software = true): Promise<WebGpuDevice> {
    const adapter = await requestAdapter(software)
    if (typeof adapter === 'string') throw new DeviceUnavailableError('webgpu', adapter)
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits
    try {
      return new WebGpuDevice(
        adapter,
        await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } }),
        force,
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

  /** Uploads several tensors into one buffer, by one write. */
  override tensors(uploads: readonly Upload[]): readonly Tensor[] {
    const specs = uploads.map(({ data, shape, dtype = data instanceof Int32Array ? 'i32' : 'f32' }) => {
      this.checkUpload(data, shape, dtype)
      return { shape, dtype }
    })
    const words = uploads.map(({ data }, i) => this.#words(data, specs[i]))
    const storages = this.#buffers.forUploads(words.map(({ byteLength }) => byteLength))
    const bytes = new Uint8Array(storages.reduce((sum, storage) => sum + storage.bytes, 0))
    for (const [i, { offset }] of storages.entries()) bytes.set(bytesOfView(words[i]), offset)
    this.gpu.queue.writeBuffer(storages[0].buffer, 0, bytes)
    return storages.map((storage, i) => Tensor.of(this, this.hold(storage), specs[i]))
  }

  protected override betterImplementations(op: Op): readonly Implementation[] {
    if (op === (copyRowsOp as Op)) return [this.#copyInPlace]
    return shaderImplementations
      .filter(implementation => implementation.op === op)
      .map(implementation => ({
        name: implementation.name,
        fits: call => implementation.fits(call),
        run: call => [this.#runShader(implementation, call)],
      }))
  }

  protected allocate(data: TensorData | undefined, spec: Spec): Storage {
    if (!data) {
      const storage = this.#buffers.forOutput(bytesOf(spec))
      this.#queue.clear(storage)
      return storage
    }
    const words = this.#words(data, spec)
    const storage = this.#buffers.forUpload(words.byteLength)
    this.gpu.queue.writeBuffer(storage.buffer, 0, words)
    return storage
  }

  protected release(storage: Storage): void {
    this.#buffers.free(storage as GpuStorage)
  }

  protected dispatch(kernel: Kernel, output: Extent, args: KernelArguments): Storage {
    const { wgsl, program } = this.#compiled(kernel, output)
    const { groups, width } = this.#groups(output, wgsl.workgroupSize)
    const parameters = new ArrayBuffer(program.parameterBytes)
    const words = new DataView(parameters)
    const [x, y = 1, z = 1] = output
    setWords(words, 0, [x, y, z, width])
    const reads = wgsl.parameters.arrayArgs.map(({ index, dimsOffset }) => {
      const { storage, extent } = args[index] as View
      const [x, y = 1, z = 1] = extent
      setWords(words, dimsOffset, [x, y, z, x * y * z])
      return storage as GpuStorage
    })
    for (const { index, type, offset } of wgsl.parameters.scalarArgs)
      if (type === 'Integer') words.setInt32(offset, args[index] as number, true)
      else words.setFloat32(offset, args[index] as number, true)
    const result = this.#buffers.forOutput(4 * x * y * z)
    this.#queue.dispatch(program, parameters, reads, result, groups)
    return result
  }

  protected async download(storage: Storage, { shape }: Spec): Promise<Float32Array> {
    try {
      const values = await this.#queue.read(storage as GpuStorage, 4 * sizeOf(shape))
      if (this.#failure) throw this.#failure
      return values
    } catch (error) {
      throw this.#failure ?? new DeviceFailedError('webgpu', (error as Error).message)
    }
  }

  protected async shutDown(): Promise<void> {
    this.gpu.destroy()
  }

  /** The queue's own copy: a shader cannot bind one buffer both to read and to write, and a copy within one needs a detour. */
  readonly #copyInPlace: Implementation = {
    name: 'in place',
    fits: () => true,
    run: ({ inputs: [target, source], attributes }) => {
      const { from, to, count } = attributes as CopyRowsAttributes
      const rowBytes = bytesOf(target) / target.shape[0]
      const [into, of] = [target, source].map(({ storage }) => storage as GpuStorage)
      this.note('copyRows', 'copyBufferToBuffer', [count])
      if (into.buffer === of.buffer) {
        const detour = this.#buffers.forOutput(count * rowBytes)
        this.#queue.copy(of, from * rowBytes, detour, 0, count * rowBytes)
        this.#queue.copy(detour, 0, into, to * rowBytes, count * rowBytes)
        this.#buffers.free(detour)
      } else this.#queue.copy(of, from * rowBytes, into, to * rowBytes, count * rowBytes)
      return [target.storage]
    },
  }

  #words(data: TensorData, spec: Spec): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
    if (spec.dtype !== 'f32' && spec.dtype !== 'i32') return packWeight(data, spec)
    return data instanceof Float32Array ? (data as Float32Array<ArrayBuffer>) : asFloats(data)
  }

  #runShader(implementation: ShaderImplementation, call: Call): Storage {
    const { op, inputs, outputs } = call
    const { shader, parameters, groups } = implementation.plan(call)
    this.note(op.name, shader.name, groups)
    const storages = inputs.map(({ storage }) => storage as GpuStorage)
    const [result, reads] = op.inPlace
      ? [storages[0], storages.slice(1)]
      : [this.#buffers.forOutput(bytesOf(outputs[0])), storages]
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
