import { bytesOf as bytesOfView, type DType, decode, dtypes } from '@cria/dtypes'
import {
  type Device,
  type DeviceOptions,
  type Precision,
  type Preparation,
  type Storage,
  type TensorData,
  TensorOperand,
  type TuningReport,
  type Upload,
} from '../../device'
import { DeviceFailedError, DeviceLostError, DeviceUnavailableError, ShapeError } from '../../errors'
import type { Extent, Kernel } from '../../kernel'
import type { Call, Implementation, Op, View } from '../../op'
import { embeddingOp } from '../../ops/embedding'
import { format, type Shape, sizeOf } from '../../shape'
import { bytesOf, type Spec } from '../../spec'
import { Tensor } from '../../tensor'
import { translateToWgsl, type Wgsl } from '../gpu-js'
import { asFloats, type KernelArguments } from '../kernel-device'
import { describe, isSoftware, languageFeatures, requestAdapter } from './adapter'
import { BlockUploads } from './block-uploads'
import { Buffers, type GpuStorage, type Window } from './buffers'
import { allMatrices, MATRICES, matrixFeaturesOf } from './matrix-units'
import { checkWeight, packedBytes, rowsPerBinding } from './pack-weight'
import type { WebGpuPlan } from './plan'
import { DispatchQueue, type Program } from './queue'
import { type RowsCopy, ShaderDevice, shadersOf } from './shader-device'
import { gatherRows } from './shaders/embedding'
import type { ShaderFeature, ShaderImplementation, Slot } from './shaders/shader'
import { Choices, type PlannedContest } from './tuning/contest'
import { Tuner, type TunerOptions, tunerDefaults } from './tuning/tuner'

/** How long a failed read waits for the device to say that it was lost. */
const LOSS_MS = 500

/** Features that shaders use where the adapter has them, and where its WGSL has them. */
const usefulFeatures = ['subgroups', 'shader-f16'] as const satisfies readonly ShaderFeature[]
const usefulLanguage = ['packed_4x8_integer_dot_product'] as const satisfies readonly ShaderFeature[]

export interface WebGpuOptions extends Pick<DeviceOptions, 'force' | 'tune' | 'precision' | 'subgroupMatrices'> {
  /** Bytes of one binding at most, if fewer than the adapter allows: for tests of large models. */
  readonly limit?: number | undefined
  /** How tuning goes, if otherwise: for tests. */
  readonly tuner?: Partial<TunerOptions> | undefined
}

/**
 * gpu.js compiles the kernels to WGSL; this device dispatches them: buffers persist, the dispatches of a forward pass go into
 * one submit, and nothing is awaited before data is read.
 */
export class WebGpuDevice extends ShaderDevice {
  readonly name = 'webgpu'
  readonly description: string
  override readonly software: boolean
  override readonly tunes: boolean
  override readonly precision: Precision
  override stepsAhead = 2
  readonly #buffers: Buffers
  readonly #queue: DispatchQueue
  readonly #blockUploads: BlockUploads
  readonly #matrices: readonly ShaderFeature[]
  readonly #kernels = new Map<Kernel, { wgsl: Wgsl; program: Program }>()
  readonly #tuner: Tuner | undefined
  #failure: DeviceFailedError | undefined

  private constructor(
    adapter: GPUAdapter,
    private readonly gpu: GPUDevice,
    { force, limit, tune = 'auto', precision = 'f32', subgroupMatrices, tuner }: WebGpuOptions,
  ) {
    super(force, new Choices())
    this.precision = precision
    this.description = describe(adapter)
    this.software = isSoftware(adapter)
    this.#matrices = subgroupMatrices ? matrixFeaturesOf(adapter) : []
    // What is forced is not for measurements to choose.
    this.tunes = force === undefined && (tune === 'on' || (tune === 'auto' && !this.software))
    if (this.tunes)
      this.#tuner = new Tuner(this.choices, { ...tunerDefaults(adapter, this.features, this.software), ...tuner })
    const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits
    this.#buffers = new Buffers(
      gpu,
      Math.min(maxBufferSize, maxStorageBufferBindingSize, limit ?? Number.POSITIVE_INFINITY),
      error => this.#fail(error),
    )
    this.#queue = new DispatchQueue(gpu, this.#buffers)
    this.#blockUploads = new BlockUploads(gpu, this.#queue, this.#buffers.limit)
    gpu.onuncapturederror = event =>
      this.#fail(new DeviceFailedError('webgpu', (event as unknown as { error: Error }).error.message))
    void gpu.lost.then(({ message, reason }) => {
      if (!this.closed) this.#fail(new DeviceLostError('webgpu', message || String(reason)))
    })
  }

  /** @throws DeviceUnavailableError without an adapter @throws DeviceFailedError when the adapter refuses a device */
  static async open(options: WebGpuOptions = {}, software = true): Promise<WebGpuDevice> {
    const experimental = options.subgroupMatrices
    const adapter = await requestAdapter({ software, experimental })
    if (typeof adapter === 'string') throw new DeviceUnavailableError('webgpu', adapter)
    if (experimental && matrixFeaturesOf(adapter).length === 0)
      throw new DeviceUnavailableError(
        'webgpu',
        `${describe(adapter)} has no ${allMatrices} (Chromium shows them with --enable-unsafe-webgpu): leave subgroupMatrices out`,
      )
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits
    try {
      const requiredFeatures = [...usefulFeatures, ...(experimental ? [MATRICES] : [])].filter(feature =>
        adapter.features.has(feature),
      )
      const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize }
      return new WebGpuDevice(adapter, await adapter.requestDevice({ requiredFeatures, requiredLimits }), options)
    } catch (error) {
      throw new DeviceFailedError('webgpu', (error as Error).message)
    }
  }

  /** Features of the GPU, and of its WGSL, that shaders use. */
  override get features(): ReadonlySet<string> {
    const language = languageFeatures()
    return new Set([
      ...usefulFeatures.filter(feature => this.gpu.features.has(feature)),
      ...usefulLanguage.filter(feature => language.has(feature)),
      ...this.#matrices,
    ])
  }

  override get tuning(): TuningReport | undefined {
    return this.#tuner?.report
  }

  /** Submits to the GPU since the device was opened: one a forward pass. */
  get submits(): number {
    return this.#queue.submits
  }

  /** GPU buffers that exist, those kept for reuse among them. */
  get buffers(): number {
    return this.#buffers.count
  }

  /** Bytes that went to the GPU and came back since the device was opened. */
  get traffic(): { readonly written: number; readonly read: number } {
    return this.#queue.traffic
  }

  /** @throws ShapeError for f16 whose rows are not whole words */
  override zeros(shape: Shape, dtype: DType = 'f32'): Tensor {
    if (dtype === 'f16' && sizeOf(shape.slice(1)) % 2 !== 0)
      throw new ShapeError(
        'zeros',
        `device "webgpu" holds f16 in rows of an even size, found ${format(shape)}: take f32`,
      )
    return super.zeros(shape, dtype)
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
    this.#queue.write(storages[0].buffer, bytes)
    return storages.map((storage, i) => Tensor.of(this, this.hold(storage, specs[i]), specs[i]))
  }

  override async prepare(work: (shapes: Device) => void): Promise<Preparation> {
    this.checkOpen('prepare')
    const { WebGpuPlan } = await import('./plan')
    const planned = (choices: Choices): WebGpuPlan => {
      const { features, software, precision, force } = this
      const plan = new WebGpuPlan({ bindingBytes: this.#buffers.limit, features, software, precision, force, choices })
      work(plan)
      return plan
    }
    if (this.#tuner) await this.#tune(this.#tuner, planned(new Choices()).contests)
    const plan = planned(this.choices)
    const programs = [
      ...plan.steps.map(step => this.#queue.programOf(step)),
      ...plan.kernels.map(([kernel, output]) => this.#compiled(kernel, output).program),
    ]
    const compiling = programs.map(program =>
      this.#queue.compile(program).catch((error: Error) => this.#fail(new DeviceFailedError('webgpu', error.message))),
    )
    return { compiled: Promise.all(compiling).then(() => {}) }
  }

  async #tune(tuner: Tuner, contests: readonly PlannedContest[]): Promise<void> {
    try {
      await tuner.tune(contests, this.gpu, this.#queue)
    } catch (error) {
      throw this.#failure ?? (await this.#reasonOf(error))
    }
    this.checkOpen('prepare')
  }

  override async granted(): Promise<void> {
    await this.#buffers.granted()
    this.checkOpen('granted')
  }

  /** Nothing is enqueued on a device that has failed. @throws DeviceFailedError */
  protected override checkOpen(work: string): void {
    super.checkOpen(work)
    if (this.#failure) throw this.#failure
  }

  protected allocate(data: TensorData | undefined, spec: Spec): Storage {
    if (!data) {
      const storage = this.#buffers.forOutput(bytesOf(spec), spec)
      this.#queue.clear(storage)
      return storage
    }
    const { dtype, shape } = spec
    if (dtype !== 'i32') checkWeight(spec)
    const windows = rowsPerBinding(spec, this.#buffers.limit)
    if (windows >= shape[0]) return this.#uploadWeight(data, spec)
    return this.#uploadWindows(data, spec, windows)
  }

  #uploadWeight(data: TensorData, spec: Spec): GpuStorage {
    if (dtypes[spec.dtype].kind !== 'block') return this.#upload(this.#words(data, spec), spec)
    const storage = this.#buffers.forUpload(packedBytes(spec.dtype, sizeOf(spec.shape)), spec)
    this.#blockUploads.upload(data as Uint8Array, spec, storage)
    return storage
  }

  #upload(words: Uint8Array<ArrayBuffer>, spec: Spec): GpuStorage {
    const storage = this.#buffers.forUpload(words.byteLength, spec)
    this.#queue.write(storage.buffer, words)
    return storage
  }

  /** A weight that exceeds one binding: its rows in several buffers. */
  #uploadWindows(data: TensorData, { dtype, shape: [rows, columns] }: Spec, most: number): GpuStorage {
    const windows: Window[] = []
    const perRow = data.length / rows
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first)
      const [from, to] = [first * perRow, (first + count) * perRow]
      const part = 'subarray' in data ? data.subarray(from, to) : data.slice(from, to)
      const storage = this.#uploadWeight(part, { dtype, shape: [count, columns] })
      windows.push({ storage, first, rows: count })
    }
    const [{ storage }] = windows
    const bytes = windows.reduce((sum, window) => sum + window.storage.bytes, 0)
    return { buffer: storage.buffer, offset: 0, id: storage.id, bytes, windows }
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
    this.#queue.dispatch(program, parameters, reads, [result], groups)
    return result
  }

  protected async download(storage: Storage, spec: Spec): Promise<Float32Array> {
    try {
      const values = await this.#values(storage as GpuStorage, spec)
      if (this.#failure) throw this.#failure
      return values
    } catch (error) {
      throw this.#failure ?? (await this.#reasonOf(error))
    }
  }

  async #values(storage: GpuStorage, spec: Spec): Promise<Float32Array> {
    const { dtype, shape } = spec
    if (storage.windows || (dtype !== 'f32' && dtype !== 'i32' && dtype !== 'f16'))
      return this.#weightValues(storage, spec)
    const size = sizeOf(shape)
    if (dtype !== 'f16') return new Float32Array(await this.#queue.read(storage, 4 * size))
    const halves = new Uint8Array(await this.#queue.read(storage, 4 * Math.ceil(size / 2)))
    const values = new Float32Array(size)
    decode('f16', halves.subarray(0, 2 * size), values)
    return values
  }

  /** The elements of a packed weight, by the shader that reads its rows. */
  async #weightValues(storage: GpuStorage, { dtype, shape }: Spec): Promise<Float32Array> {
    const [rows, columns] = shape
    const values = new Float32Array(rows * columns)
    const most = Math.max(1, Math.min(65_535, Math.floor(this.#buffers.limit / (4 * columns))))
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first)
      const words = bytesOfView(Float32Array.from({ length: count }, (_, i) => first + i))
      const ids = this.#upload(words, { shape: [count], dtype: 'i32' })
      const call: Call = {
        op: embeddingOp as Op,
        inputs: [new TensorOperand(ids, [count], 'i32'), new TensorOperand(storage, shape, dtype)],
        ...{ attributes: undefined, outputs: [{ shape: [count, columns], dtype: 'f32' }] },
      }
      const [part] = this.#runShaders(gatherRows, call) as GpuStorage[]
      values.set(new Float32Array(await this.#queue.read(part, 4 * count * columns)), first * columns)
      this.#buffers.free(ids)
      this.#buffers.free(part)
    }
    return values
  }

  protected async shutDown(): Promise<void> {
    this.gpu.destroy()
  }

  protected override betterImplementations(op: Op): readonly Implementation[] {
    return shadersOf(op, this.features, {
      software: this.software,
      runShaders: (implementation, call) => this.#runShaders(implementation, call),
      copy: copy => this.#copy(copy),
      note: (...what) => this.note(...what),
    })
  }

  /** A copy within one buffer needs a detour. */
  #copy({ source, from, target, to, bytes }: RowsCopy): void {
    if (source.buffer !== target.buffer) {
      this.#queue.copy(source, from, target, to, bytes)
      return
    }
    const detour = this.#buffers.forOutput(bytes)
    this.#queue.copy(source, from, detour, 0, bytes)
    this.#queue.copy(detour, 0, target, to, bytes)
    this.#buffers.free(detour)
  }

  #words(data: TensorData, spec: Spec): Uint8Array<ArrayBuffer> {
    if (spec.dtype === 'f16' || spec.dtype === 'bf16')
      return bytesOfView(data as Uint16Array) as Uint8Array<ArrayBuffer>
    return bytesOfView(data instanceof Float32Array ? data : asFloats(data)) as Uint8Array<ArrayBuffer>
  }

  /** Outputs and scratch memory are made when a step first names them. */
  #runShaders(implementation: ShaderImplementation, call: Call): readonly Storage[] {
    const { op, inputs, outputs } = call
    const made = outputs.map((_, i) => inputs[op.inPlace?.[i] ?? -1]?.storage as GpuStorage | undefined)
    const scratch = new Map<Slot, GpuStorage>()
    const resolve = (slot: Slot): GpuStorage => {
      if ('buffer' in slot) return slot
      if ('output' in slot) {
        made[slot.output] ??= this.#buffers.forOutput(bytesOf(outputs[slot.output]))
        return made[slot.output] as GpuStorage
      }
      const storage = scratch.get(slot) ?? this.#buffers.forOutput(slot.scratch)
      scratch.set(slot, storage)
      return storage
    }
    for (const step of implementation.plan(call)) {
      this.note(op.name, step.shader.name, step.groups)
      this.#queue.run(step, resolve)
    }
    for (const storage of scratch.values()) this.#buffers.free(storage)
    return made as readonly GpuStorage[]
  }

  #compiled(kernel: Kernel, output: Extent): { wgsl: Wgsl; program: Program } {
    let compiled = this.#kernels.get(kernel)
    if (!compiled) {
      const wgsl = translateToWgsl(kernel, output)
      const { arrayArgs, byteLength } = wgsl.parameters
      compiled = {
        wgsl,
        program: this.#queue.program(kernel.name, wgsl.code, { reads: arrayArgs.length, writes: 1 }, byteLength),
      }
      this.#kernels.set(kernel, compiled)
    }
    return compiled
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

  /** A loss is told rather than what came of it. */
  #fail(error: DeviceFailedError): void {
    if (!this.#failure || error instanceof DeviceLostError) this.#failure = error
  }

  /** What a failed read is told as. A lost device fails reads before it says that it is lost. */
  async #reasonOf(error: unknown): Promise<DeviceFailedError> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise(resolve => {
      timer = setTimeout(resolve, LOSS_MS)
    })
    await Promise.race([this.gpu.lost, patience])
    clearTimeout(timer)
    return this.#failure ?? new DeviceFailedError('webgpu', (error as Error).message, { cause: error })
  }
}

const setWords = (view: DataView, offset: number, words: readonly number[]): void => {
  for (const [i, word] of words.entries()) view.setUint32(offset + 4 * i, word, true)
}
