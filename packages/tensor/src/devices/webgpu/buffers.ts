import type { Storage } from '../../device'
import { DeviceFailedError, OutOfMemoryError } from '../../errors'
import { formatSpec, type Spec } from '../../spec'

/** A GPU buffer that a tensor holds, possibly larger than the tensor. */
export interface GpuStorage extends Storage {
  readonly buffer: GPUBuffer
  /** Where the tensor begins in the buffer, in bytes. */
  readonly offset: number
  /** Identifies a binding: the buffer's number, and the offset of the tensor in it. */
  readonly id: string
  /** The buffers of a weight that exceeds the size of one binding; the storage itself then has no bytes to bind. */
  readonly windows?: readonly Window[]
  /** The storage that this is a part of, where several tensors were uploaded together. */
  readonly whole?: SharedStorage
}

/** Some rows of a weight, in their own buffer. */
export interface Window {
  readonly storage: GpuStorage
  /** The first row that it holds. */
  readonly first: number
  readonly rows: number
}

/** A buffer that several tensors share; it is free when all of them are. */
interface SharedStorage {
  readonly storage: GpuStorage
  parts: number
}

/** Bindings begin at multiples of this many bytes. */
export const BINDING_ALIGNMENT = 256

/** Buffers of at least this many bytes are asked for with an error scope: weights and caches, but nothing of a decode step. */
const WATCHED_BYTES = 2 ** 20

/** Idle memory kept for reuse, in bytes; what is freed beyond it is destroyed. */
const IDLE_LIMIT = 256 * 2 ** 20

/** Rounds up so that tensors which grow a little each step (attention scores) find the buffer of the step before. */
const sizeClass = (bytes: number): number => {
  if (bytes <= 256) return 256
  const grain = 2 ** Math.max(8, Math.floor(Math.log2(bytes)) - 2)
  return Math.ceil(bytes / grain) * grain
}

/** @throws DeviceFailedError for more bytes than one binding holds */
export const checkBinding = (bytes: number, limit: number): void => {
  if (bytes > limit)
    throw new DeviceFailedError(
      'webgpu',
      `a tensor of ${bytes} bytes exceeds this adapter's limit of ${limit} bytes a buffer`,
    )
}

/**
 * Buffers by size, reused. A buffer that was freed since the last submit can be used by a later dispatch, because the queue keeps the order,
 * but not by an upload, because uploads are written before the dispatches of the submit run.
 */
export class Buffers {
  readonly #idle = new Map<number, GpuStorage[]>()
  #freedSinceSubmit: GpuStorage[] = []
  #idleBytes = 0
  #nextId = 0
  readonly #asked = new Set<Promise<void>>()
  /** Buffers that exist, in use or idle. */
  count = 0

  constructor(
    private readonly device: GPUDevice,
    /** Bytes of one binding at most. */
    readonly limit: number,
    /** Called for a buffer for which there was no memory. */
    private readonly refused: (error: OutOfMemoryError) => void,
  ) {}

  /** @param spec what it is for */
  forOutput(bytes: number, spec?: Spec): GpuStorage {
    const size = this.#classOf(bytes)
    const index = this.#freedSinceSubmit.findLastIndex(storage => storage.bytes === size)
    if (index >= 0) return this.#freedSinceSubmit.splice(index, 1)[0]
    return this.#takeIdle(size) ?? this.#create(size, spec)
  }

  /** @param spec what it is for */
  forUpload(bytes: number, spec?: Spec): GpuStorage {
    // Large uploads are weights, which stay: they get no more than they need.
    const size = bytes > 2 ** 20 ? Math.ceil(bytes / 256) * 256 : this.#classOf(bytes)
    return this.#takeIdle(size) ?? this.#create(size, spec)
  }

  /** Resolves when the GPU has reported for each large buffer whether it had the memory. */
  async granted(): Promise<void> {
    await Promise.all(this.#asked)
  }

  /** One buffer for several tensors, and the storage of each. */
  forUploads(bytes: readonly number[]): readonly GpuStorage[] {
    const aligned = bytes.map(size => Math.ceil(size / BINDING_ALIGNMENT) * BINDING_ALIGNMENT)
    const storage = this.forUpload(aligned.reduce((sum, size) => sum + size, 0))
    const whole = { storage, parts: bytes.length }
    let offset = 0
    return aligned.map(size => {
      const part = { buffer: storage.buffer, offset, id: `${storage.id}@${offset}+${size}`, bytes: size, whole }
      offset += size
      return part
    })
  }

  free(storage: GpuStorage): void {
    const { whole, windows } = storage
    if (windows) for (const window of windows) this.free(window.storage)
    else if (!whole) this.#freedSinceSubmit.push(storage)
    else if (--whole.parts === 0) this.#freedSinceSubmit.push(whole.storage)
  }

  /** Called at each submit. Gives the ids of buffers that were destroyed. */
  submitted(): void {
    for (const storage of this.#freedSinceSubmit) {
      if (this.#idleBytes + storage.bytes > IDLE_LIMIT) {
        storage.buffer.destroy()
        this.count--
        continue
      }
      const shelf = this.#idle.get(storage.bytes)
      if (shelf) shelf.push(storage)
      else this.#idle.set(storage.bytes, [storage])
      this.#idleBytes += storage.bytes
    }
    this.#freedSinceSubmit = []
  }

  /** A size class, unless only the bytes themselves are within the limit. */
  #classOf(bytes: number): number {
    const size = sizeClass(bytes)
    return size > this.limit ? Math.ceil(bytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT : size
  }

  #takeIdle(size: number): GpuStorage | undefined {
    const storage = this.#idle.get(size)?.pop()
    if (storage) this.#idleBytes -= size
    return storage
  }

  #create(bytes: number, spec?: Spec): GpuStorage {
    checkBinding(bytes, this.limit)
    this.count++
    const watched = bytes >= WATCHED_BYTES
    if (watched) this.device.pushErrorScope('out-of-memory')
    const usage = GPU_STORAGE | GPU_COPY_SRC | GPU_COPY_DST
    const buffer = this.device.createBuffer({ size: bytes, usage })
    if (watched) this.#watch(bytes, spec)
    return { buffer, offset: 0, id: `${this.#nextId++}`, bytes }
  }

  #watch(bytes: number, spec: Spec | undefined): void {
    const heard = this.device.popErrorScope().then(
      error => {
        if (error)
          this.refused(new OutOfMemoryError('webgpu', spec ? formatSpec(spec) : 'an upload', bytes, { cause: error }))
      },
      () => {}, // the device was lost, which `lost` tells
    )
    this.#asked.add(heard)
    void heard.then(() => this.#asked.delete(heard))
  }
}

// GPUBufferUsage is a global of pages, not of Node; the specification fixes its values.
export const GPU_MAP_READ = 0x0001
export const GPU_COPY_SRC = 0x0004
export const GPU_COPY_DST = 0x0008
export const GPU_UNIFORM = 0x0040
export const GPU_STORAGE = 0x0080
