import { ShapeError } from './errors'
import type { Extent } from './kernel'
import type { Cost, Op } from './op'
import { checkShape, format, type Shape, sizeOf } from './shape'
import { type DType, Scope, Tensor } from './tensor'

/** gpu.js's own modes keep its names; `simd` is Cria's WebAssembly engine; `shape` computes nothing but shapes and costs. */
export type DeviceName = 'webgpu' | 'webgl2' | 'webgl' | 'headlessgl' | 'webasm' | 'simd' | 'cpu' | 'shape'

export interface DeviceOptions {
  /** Threads of `simd`, the calling one among them; for `auto` too, should it take that. Default: one a core. */
  readonly threads?: number
}

/** Device memory of one tensor; what else it holds is the device's own business. */
export interface Storage {
  readonly bytes: number
}

/** Elements as they are uploaded: f32 numbers, f16 bit patterns, or the bytes of GGUF blocks. */
export type TensorData = Float32Array | Uint16Array | Uint8Array | readonly number[]

/** One dispatched kernel, as {@link Device.record} saw it. */
export interface Dispatched {
  readonly op: string
  readonly kernel: string
  /** Elements it computes, or workgroups of a hand-written shader, fastest axis first. */
  readonly output: Extent
}

/** What some work asked of a device: its kernels in order, and the cost of its ops by their own account. */
export interface Recording {
  readonly dispatches: readonly Dispatched[]
  readonly cost: Cost
}

/**
 * Runs ops on storage. A device extends this class with five methods; what is shared (tensors, scopes, counting) lives here.
 * Nothing but {@link Device.read} and {@link Device.close} waits.
 */
export abstract class Device implements AsyncDisposable {
  abstract readonly name: DeviceName
  /** What runs beneath: an adapter, a number of threads. */
  abstract readonly description: string
  /** The types in which `linear` and `embedding` read weights here, the most natural first. */
  readonly weightTypes: readonly DType[] = ['f32']
  /** Live allocations, for tests and for those who watch memory. */
  readonly memory = { allocations: 0, bytes: 0 }
  /** The scope that adopts new tensors. */
  readonly innermost: { scope: Scope | undefined } = { scope: undefined }
  #recording: { dispatches: Dispatched[]; cost: { flops: number; bytes: number } } | undefined

  /** Memory for a tensor, holding `data`, or zeros where none is given. */
  protected abstract allocate(data: TensorData | undefined, dtype: DType, shape: Shape): Storage
  protected abstract release(storage: Storage): void
  protected abstract compute(op: Op, inputs: readonly Tensor[], attributes: unknown, shape: Shape): Storage
  protected abstract download(storage: Storage, size: number): Promise<Float32Array>
  /** Frees what the device holds; its tensors are gone with it. A second call does nothing. */
  abstract close(): Promise<void>

  /**
   * Uploads a copy of `data` as a tensor of this shape.
   * @throws ShapeError when the counts differ, the device cannot hold the type, or `data` is not in its form
   */
  tensor(data: TensorData, shape: Shape, dtype: DType = 'f32'): Tensor {
    checkShape('tensor', shape)
    const Form = forms[dtype]
    if (Form && !(data instanceof Form))
      throw new ShapeError('tensor', `${dtype} is given as a ${Form.name}, not as a ${data.constructor.name}`)
    const expected = elementsOf(dtype, sizeOf(shape))
    if (data.length !== expected)
      throw new ShapeError('tensor', `${format(shape)} as ${dtype} needs ${expected} values, found ${data.length}`)
    if (!this.weightTypes.includes(dtype))
      throw new ShapeError('tensor', `device "${this.name}" holds ${this.weightTypes.join(', ')}, not ${dtype}`)
    return Tensor.of(this, this.hold(this.allocate(data, dtype, shape)), shape, dtype)
  }

  zeros(shape: Shape): Tensor {
    checkShape('zeros', shape)
    return Tensor.of(this, this.hold(this.allocate(undefined, 'f32', shape)), shape)
  }

  /** `using scope = device.scope()`: tensors made from here on end with it, but those that it keeps. */
  scope(): Scope {
    return new Scope(this.innermost)
  }

  /** For {@link apply}: enqueues an op and gives the output's storage. */
  run(op: Op, inputs: readonly Tensor[], attributes: unknown, shape: Shape): Storage {
    if (this.#recording) {
      const shapes = inputs.map(input => input.shape)
      const { flops, bytes } = op.cost(shapes, attributes)
      this.#recording.cost.flops += flops
      this.#recording.cost.bytes += bytes
    }
    const storage = this.compute(op, inputs, attributes, shape)
    return op.inPlace && storage === inputs[0].storage ? storage : this.hold(storage)
  }

  async read(tensor: Tensor): Promise<Float32Array> {
    if (tensor.dtype !== 'f32')
      throw new ShapeError('read', `only f32 tensors are read back, this one is ${tensor.dtype}`)
    return this.download(tensor.storage, tensor.size)
  }

  free(storage: Storage): void {
    this.memory.allocations--
    this.memory.bytes -= storage.bytes
    this.release(storage)
  }

  /** Runs `work` and tells what it asked for. */
  record(work: () => void): Recording {
    const outer = this.#recording
    const recording = { dispatches: [], cost: { flops: 0, bytes: 0 } }
    this.#recording = recording
    try {
      work()
      return recording
    } finally {
      this.#recording = outer
    }
  }

  protected note(op: string, kernel: string, output: Extent): void {
    this.#recording?.dispatches.push({ op, kernel, output })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private hold(storage: Storage): Storage {
    this.memory.allocations++
    this.memory.bytes += storage.bytes
    return storage
  }
}

/** Bit patterns and blocks are told from numbers by their arrays. */
const forms: Readonly<Partial<Record<DType, typeof Uint16Array | typeof Uint8Array>>> = {
  f16: Uint16Array,
  q8_0: Uint8Array,
  q4_0: Uint8Array,
}

/** How many array entries hold `size` elements: bytes for blocks of 32 (a 2-byte scale, then 32 or 16 bytes), else elements. */
const elementsOf = (dtype: DType, size: number): number => {
  if (dtype === 'q8_0') return (size / 32) * 34
  if (dtype === 'q4_0') return (size / 32) * 18
  return size
}
