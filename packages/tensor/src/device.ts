import { allocate, byteLength, type DType, dtypes } from '@cria/dtypes'
import { DeviceClosedError, OutOfMemoryError, ShapeError, TensorError, UnsupportedOpError } from './errors'
import type { Extent } from './kernel'
import { type Observed, type Observer, Recorder, type Recording } from './observers'
import type { Call, Implementation, Op, Operand, View } from './op'
import { checkShape, format, type Shape, sizeOf } from './shape'
import { formatSpec, type Spec } from './spec'
import { Scope, Tensor } from './tensor'

/** gpu.js's own modes keep their names; `simd` is Cria's WebAssembly engine; `shape` computes nothing but shapes and costs. */
export type DeviceName = 'webgpu' | 'webgl2' | 'webgl' | 'headlessgl' | 'webasm' | 'simd' | 'cpu' | 'shape'

export interface DeviceOptions {
  /** Threads of `simd`, including the calling thread; also if `auto` chooses `simd`. Default: one for each core. */
  readonly threads?: number | undefined
  /**
   * Which implementations may run: `kernels` for those of gpu.js alone, or by op the names of those allowed, the preferred one first.
   * For tests and measurements.
   */
  readonly force?: 'kernels' | Readonly<Record<string, string | readonly string[]>> | undefined
  /**
   * Of `webgpu`: whether {@link Device.prepare} measures which variants of the shaders are the fastest on this GPU. `auto`: on
   * hardware, and once, because the results are kept (in the user's cache folder, in pages in IndexedDB). `on`: on software
   * adapters too, whose times mean little. `off`: never, and what is kept is not read. Default `auto`.
   */
  readonly tune?: Tune | undefined
  /**
   * Of `webgpu`: the least precise numbers in which tuning may let the products of prompts be computed, if that is faster.
   * `f32`: none but those of the other implementations. `f16`: also products that round x and the weight to f16, by up to 2^-11 of a
   * number; of x beyond 65,504 they are infinite. `int8`: also products of quantised weights that round x to int8 in blocks of 32, as
   * the device `simd` does where it multiplies bytes: x moves by up to 1/254 of its block's largest. Results then depend on what was measured,
   * and on whether a token is computed in a prompt or alone. Default `f32`.
   */
  readonly precision?: Precision | undefined
  /**
   * Of `webgpu`: use the matrix units of the GPU (tensor cores, simdgroup matrices) for the products of prompts, where tuning finds
   * that they are faster. WGSL has them as an extension that is not in the standard yet, so Chromium shows them only with
   * `--enable-unsafe-webgpu`. Units of f16 need `precision: 'f16'` too. An adapter without them is refused. Default false.
   */
  readonly subgroupMatrices?: boolean | undefined
  /** Of `shape`: which device's dispatches it plans. Default: those of the generic kernels. */
  readonly plan?: PlanOptions | undefined
}

export type Tune = 'auto' | 'on' | 'off'

/** Numbers in which products are computed, the most precise first. */
export const precisions = ['f32', 'f16', 'int8'] as const

export type Precision = (typeof precisions)[number]

/** What measurements chose for calls of one kind. */
export interface TunedChoice {
  /** Op, types, shapes, and how many rows. */
  readonly call: string
  /** The implementation that runs, and the one that runs without measurements. */
  readonly chosen: string
  readonly standard: string
  /** Median time of a run by implementation. */
  readonly microseconds: Readonly<Record<string, number>>
  /** Implementations whose values differed from those of the default by more than they may round: they are not chosen. */
  readonly wrong: readonly string[]
  /** Whether it was measured earlier, and kept. */
  readonly kept: boolean
}

/** What a device has tuned. */
export interface TuningReport {
  readonly choices: readonly TunedChoice[]
  /** Calls that time, or memory, did not suffice for: their defaults run, and they are measured another time. */
  readonly open: readonly string[]
  /** Where measurements are kept. */
  readonly place: string
}

/** A plan of the shaders of `webgpu`, which needs no GPU. */
export interface PlanOptions {
  readonly device: 'webgpu'
  /** The size limit of a binding of the adapter in bytes. Default 128 MiB, which every adapter has. */
  readonly bindingBytes?: number | undefined
}

/** The work that {@link Device.prepare} has started. */
export interface Preparation {
  /** Resolves when everything is compiled. You need not await it: a shader that is not ready is compiled when it is first used. */
  readonly compiled: Promise<void>
}

/** Device memory of one tensor. Each device adds its own fields. */
export interface Storage {
  readonly bytes: number
}

/** Elements as they are uploaded: numbers for f32 and i32, bit patterns for f16 and bf16, bytes for blocks. */
export type TensorData = Float32Array | Int32Array | Uint16Array | Uint8Array | readonly number[]

/** Memory for the bytes of one upload at a time. */
export interface Staging extends Disposable {
  /** Memory of the given size in bytes, valid until the next call. */
  take(bytes: number): Uint8Array
}

/** One tensor of an upload of several. */
export interface Upload {
  readonly data: TensorData
  readonly shape: Shape
  readonly dtype?: DType
}

/**
 * Runs ops on storage. A device extends this class with its memory and its implementations. The shared parts (tensors, scopes,
 * counting, observers, the choice of an implementation) are here.
 * Only reading and {@link Device.close} wait.
 */
export abstract class Device implements AsyncDisposable {
  abstract readonly name: DeviceName
  /** What runs underneath: an adapter, a number of threads. */
  abstract readonly description: string
  /** The types in which `linear` and `embedding` read weights here, the most natural first. */
  readonly weightTypes: readonly DType[] = ['f32']
  /** The types in which a cache of keys and values can be held, the default first. */
  readonly cacheTypes: readonly DType[] = ['f32']
  /** Whether ops are complete when their call returns. If not, they are queued, and reading waits for them. */
  readonly synchronous: boolean = false
  /** Whether the CPU emulates the GPU: correct but slow. */
  readonly software: boolean = false
  /** The least precise numbers that measurements may choose for products of prompts. */
  readonly precision: Precision = 'f32'
  /** Whether {@link prepare} measures which implementations are the fastest here. */
  readonly tunes: boolean = false
  /**
   * Steps of a text that are enqueued before the token that they need has been read, at most. 0 where the device does not wait
   * for the program between two steps, and so gains nothing. It may be set.
   */
  stepsAhead = 0
  /** Live allocations, for tests and for monitoring. */
  readonly memory = { allocations: 0, bytes: 0 }
  /** The largest number of bytes of all tensors. Lower it to leave memory to other programs. A tensor beyond it is an OutOfMemoryError. */
  memoryLimit: number = Number.POSITIVE_INFINITY
  /** The scope that owns new tensors. */
  readonly innermost: { scope: Scope | undefined } = { scope: undefined }
  readonly #observers = new Set<Observer>()
  readonly #implementations = new Map<Op, readonly Implementation[]>()
  #closing: Promise<void> | undefined

  constructor(protected readonly force?: DeviceOptions['force']) {}

  /** Memory for a tensor with `data`, or with zeros. */
  protected abstract allocate(data: TensorData | undefined, spec: Spec): Storage
  protected abstract release(storage: Storage): void
  /** The implementation that measurements prefer for a call; undefined for the first that fits. */
  protected preferred(_call: Call): string | undefined {
    return undefined
  }
  /** The implementations of an op, best first. */
  protected abstract implementationsOf(op: Op): readonly Implementation[]
  protected abstract download(storage: Storage, spec: Spec): Promise<Float32Array | Int32Array>
  /** Frees the resources of the device. */
  protected abstract shutDown(): Promise<void>

  /**
   * Uploads a copy of `data` as a tensor of this shape. An Int32Array makes an i32 tensor.
   * @throws ShapeError if the counts differ, the device does not support the type, or `data` has the wrong array type
   * @throws OutOfMemoryError @throws DeviceClosedError
   */
  tensor(data: TensorData, shape: Shape, dtype: DType = data instanceof Int32Array ? 'i32' : 'f32'): Tensor {
    this.checkUpload(data, shape, dtype)
    const spec = { shape, dtype }
    return Tensor.of(this, this.hold(this.allocate(data, spec), spec), spec)
  }

  /**
   * Memory to read a file into before {@link tensor} uploads what is there: a device may take it without a copy of its own.
   * Dispose it after the last upload.
   */
  staging(): Staging {
    return { take: bytes => new Uint8Array(bytes), [Symbol.dispose]: () => {} }
  }

  /** Uploads several tensors; devices with a queue do it in one write. @throws as {@link tensor} */
  tensors(uploads: readonly Upload[]): readonly Tensor[] {
    return uploads.map(({ data, shape, dtype }) => this.tensor(data, shape, dtype))
  }

  /** @throws ShapeError for a type that only weights may have @throws OutOfMemoryError @throws DeviceClosedError */
  zeros(shape: Shape, dtype: DType = 'f32'): Tensor {
    checkShape('zeros', shape)
    this.checkOpen('zeros')
    if (dtype !== 'f32' && dtype !== 'i32' && !this.cacheTypes.includes(dtype))
      throw new ShapeError(
        'zeros',
        `device "${this.name}" makes zeros of ${['f32', 'i32', ...this.cacheTypes.slice(1)].join(', ')}, not ${dtype}`,
      )
    const spec = { shape, dtype }
    return Tensor.of(this, this.hold(this.allocate(undefined, spec), spec), spec)
  }

  /** @throws TensorError unless a cache here can hold keys and values of this type, for heads of `headDim` numbers */
  checkCache(dtype: DType, headDim: number): void {
    if (!this.cacheTypes.includes(dtype))
      throw new TensorError(`device "${this.name}" holds a cache as ${this.cacheTypes.join(', ')}, not ${dtype}`)
    const { blockElements } = dtypes[dtype]
    if (headDim % blockElements === 0) return
    const others = this.cacheTypes.filter(type => headDim % dtypes[type].blockElements === 0)
    throw new TensorError(
      `a ${dtype} cache needs heads of whole blocks of ${blockElements} numbers, not ${headDim}: use ${others.join(' or ')}`,
    )
  }

  /**
   * Resolves when all memory requested so far is allocated. A device with a queue learns only later that memory was refused.
   * @throws OutOfMemoryError
   */
  async granted(): Promise<void> {}

  /**
   * Measures which implementations of some work are the fastest, if the device tunes, and compiles in the background what the
   * work will run. For that the work runs on a device of shapes alone. A device that has nothing to compile does not run it.
   */
  async prepare(_work: (shapes: Device) => void): Promise<Preparation> {
    return { compiled: Promise.resolve() }
  }

  /** What {@link prepare} has measured; undefined on a device that does not tune. */
  get tuning(): TuningReport | undefined {
    return undefined
  }

  /** What would make this machine faster; undefined where nothing is known. */
  get advice(): string | undefined {
    return undefined
  }

  /** `using scope = device.scope()`: tensors that are made from now on are freed with it, except those that it keeps. */
  scope(): Scope {
    return new Scope(this.innermost)
  }

  async read(tensor: Tensor): Promise<Float32Array> {
    const values = await this.#read('read', tensor)
    return values instanceof Float32Array ? values : Float32Array.from(values)
  }

  async readIntegers(tensor: Tensor): Promise<Int32Array> {
    this.checkOpen('readIntegers')
    if (tensor.dtype !== 'i32') throw new ShapeError('readIntegers', `the tensor is ${formatSpec(tensor)}, not i32`)
    const values = await this.#read('readIntegers', tensor)
    return values instanceof Int32Array ? values : Int32Array.from(values)
  }

  /** Names of the implementations of an op here, the default of each kind before its variants: what `force` may name. */
  implementationNames(op: Op): readonly string[] {
    return this.implementationsOf(op).map(({ name }) => name)
  }

  /** Calls `observer` for each call of an op until the result is disposed of. */
  observe(observer: Observer): Disposable {
    this.#observers.add(observer)
    return { [Symbol.dispose]: () => void this.#observers.delete(observer) }
  }

  /** Runs `work` and returns its dispatches and costs. */
  record(work: () => void): Recording {
    const recorder = new Recorder()
    using _observing = this.observe(recorder)
    work()
    return recorder
  }

  /** Frees the device and all its tensors. A second call does nothing. */
  async close(): Promise<void> {
    this.#closing ??= this.shutDown()
    await this.#closing
  }

  get closed(): boolean {
    return this.#closing !== undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * Applies an op. Everything that computes goes through this function. Observers get each call.
   * @returns the outputs; one in place is the input tensor that it changed
   * @throws ShapeError @throws UnsupportedOpError @throws DisposedError @throws DeviceClosedError
   */
  apply<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): readonly Tensor[] {
    this.checkOpen(op.name)
    for (const input of inputs)
      if (input.device !== this)
        throw new ShapeError(op.name, `its inputs are on two devices, "${this.name}" and "${input.device.name}"`)
    const outputs = op.infer(inputs, attributes)
    const observed = this.#observers.size > 0
    if (op.alias) {
      const views = [inputs[0].share(outputs[0].shape)]
      if (observed) this.#tell({ op: op as Op, inputs, attributes, outputs: views, implementation: 'alias' }, 0)
      return views
    }
    const operands = inputs.map(({ storage, shape, dtype }) => new TensorOperand(storage, shape, dtype))
    const call = { op: op as Op, inputs: operands, attributes, outputs }
    const implementation = op.compose && this.#inParts() ? undefined : this.#choose(call)
    if (!implementation) return (op.compose as NonNullable<typeof op.compose>)(inputs, attributes)
    const start = observed ? performance.now() : 0
    const storages = implementation.run(call)
    const results = outputs.map((output, i) => this.#place(inputs[op.inPlace?.[i] ?? -1], output, storages[i]))
    if (observed) {
      const seen = { op: op as Op, inputs, attributes, outputs: results, implementation: implementation.name }
      this.#tell(seen, performance.now() - start)
    }
    return results
  }

  free(storage: Storage): void {
    this.memory.allocations--
    this.memory.bytes -= storage.bytes
    if (!this.#closing) this.release(storage)
  }

  protected note(op: string, kernel: string, output: Extent): void {
    if (this.#observers.size === 0) return
    for (const observer of this.#observers) observer.dispatch?.({ op, kernel, output })
  }

  /** Counts the memory of a tensor. @throws OutOfMemoryError beyond the limit */
  protected hold(storage: Storage, spec: Spec): Storage {
    if (this.memory.bytes + storage.bytes > this.memoryLimit) {
      this.release(storage)
      throw new OutOfMemoryError(this.name, formatSpec(spec), storage.bytes)
    }
    this.memory.allocations++
    this.memory.bytes += storage.bytes
    return storage
  }

  protected checkUpload(data: TensorData, shape: Shape, dtype: DType): void {
    this.checkOpen('tensor')
    checkShape('tensor', shape)
    const Form = formOf(dtype)
    if (!(data instanceof Form || (Array.isArray(data) && (dtype === 'f32' || dtype === 'i32'))))
      throw new ShapeError('tensor', `${dtype} is given as a ${Form.name}, not as a ${data.constructor.name}`)
    const expected = entriesOf(dtype, shape)
    if (data.length !== expected)
      throw new ShapeError('tensor', `${format(shape)} as ${dtype} needs ${expected} values, found ${data.length}`)
    if (dtype !== 'i32' && !this.weightTypes.includes(dtype))
      throw new ShapeError('tensor', `device "${this.name}" holds ${this.weightTypes.join(', ')}, not ${dtype}`)
  }

  protected checkOpen(work: string): void {
    if (this.#closing) throw new DeviceClosedError(this.name, work)
  }

  /** A read that fails because the device was closed meanwhile says so. */
  async #read(work: string, tensor: Tensor): Promise<Float32Array | Int32Array> {
    this.checkOpen(work)
    const { storage } = tensor
    try {
      return await this.download(storage, tensor)
    } catch (error) {
      if (this.#closing) throw new DeviceClosedError(this.name, work)
      throw error
    }
  }

  #inParts(): boolean {
    for (const { parts } of this.#observers) if (parts) return true
    return false
  }

  /** The implementation that runs a call here; undefined if a composite op should run as its parts. @throws UnsupportedOpError */
  #choose(call: Call): Implementation | undefined {
    const { op, inputs } = call
    let candidates = this.#implementations.get(op)
    if (!candidates) {
      candidates = this.#allowed(op, this.implementationsOf(op))
      this.#implementations.set(op, candidates)
    }
    const preferred = this.preferred(call)
    const chosen = preferred === undefined ? undefined : candidates.find(({ name }) => name === preferred)
    if (chosen?.fits(call)) return chosen
    for (const candidate of candidates) if (candidate.fits(call)) return candidate
    if (op.compose) return undefined
    throw new UnsupportedOpError(op.name, this.name, inputs.map(formatSpec).join(', '))
  }

  /** An output as a tensor: a new one, or the input that it changed. */
  #place(input: Tensor | undefined, output: Spec, storage: Storage): Tensor {
    if (!input) return Tensor.of(this, this.hold(storage, output), output)
    if (input.storage !== storage) input.replace(this.hold(storage, output))
    return input
  }

  #tell(call: Omit<Observed, 'milliseconds'>, milliseconds: number): void {
    for (const observer of this.#observers) observer.call?.({ ...call, milliseconds })
  }

  #allowed(op: Op, implementations: readonly Implementation[]): readonly Implementation[] {
    const { force } = this
    const wanted = force === 'kernels' ? 'kernels' : force?.[op.name]
    if (wanted === undefined) return implementations
    return [wanted].flat().flatMap(name => implementations.filter(one => one.name === name))
  }
}

/** The array in which elements of a type are uploaded. */
const formOf = (dtype: DType) => allocate(dtype, 0).constructor as { new (): object; readonly name: string }

/** The number of array entries of a tensor of this type: bytes for blocks, otherwise elements. */
const entriesOf = (dtype: DType, shape: Shape): number =>
  dtypes[dtype].kind === 'block' ? byteLength(dtype, sizeOf(shape)) : sizeOf(shape)

/** The storage of a tensor, as implementations see it. */
export class TensorOperand implements Operand {
  constructor(
    readonly storage: Storage,
    readonly shape: Shape,
    readonly dtype: DType,
  ) {}

  as(...extent: Extent): View {
    if (sizeOf(extent) !== sizeOf(this.shape)) throw new RangeError(`a view [${extent}] of a shape [${this.shape}]`)
    return { storage: this.storage, extent }
  }
}
