import type { DType } from '@cria/dtypes'
import {
  type CacheType,
  cacheRowBytes,
  openSimd,
  type SimdEngine,
  type Weight,
  type WeightData,
  weightTypes,
} from '@cria/simd-kernels'
import { Device, type DeviceOptions, type Staging, type Storage, type TensorData } from '../../device'
import { DeviceFailedError } from '../../errors'
import type { Call, Implementation, Op, Operand } from '../../op'
import { asMatrix, sizeOf } from '../../shape'
import { bytesOf, type Spec } from '../../spec'
import { simdKernels } from './kernels'
import type { SimdInput, SimdKernel } from './simd-kernel'
import { SimdStaging } from './staging'

/** Bytes in the memory of an engine; of a weight that is packed, in the order in which its kernels read it. */
interface SimdStorage extends Storage {
  readonly engine: SimdEngine
  readonly pointer: number
  readonly weight?: Weight
}

/** How much of a memory uploads may take: weights and caches. The rest is for results of ops, and for scratch memory. */
const LASTING_SHARE = 3 / 4
/** Uploads below this share always go into the first memory: ids, norms. */
const SMALL_SHARE = 2 ** -12

/**
 * Cria's AssemblyScript engine: SIMD on all cores, for machines without a GPU.
 *
 * The memory of an engine has at most 4 GiB. Data that does not fit goes into the memory of a second engine, and so on. An op runs where its weight or
 * its largest input is. Other inputs are copied there, so activations move from memory to memory with the layers.
 */
export class SimdDevice extends Device {
  readonly name = 'simd'
  override readonly synchronous = true
  override readonly weightTypes: readonly DType[] = weightTypes
  override readonly cacheTypes: readonly DType[] = ['f16', 'f32', 'q8_0']
  readonly #engines: SimdEngine[]
  readonly #stagings = new Set<SimdStaging>()

  private constructor(engine: SimdEngine, force: DeviceOptions['force']) {
    super(force)
    this.#engines = [engine]
  }

  /** @param maxBytes of each memory; by default 4 GiB, the maximum */
  static async open({ threads, force }: DeviceOptions, maxBytes?: number): Promise<SimdDevice> {
    const engine = await openSimd({
      ...(threads === undefined ? {} : { threads }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
    })
    return new SimdDevice(engine, force)
  }

  get description(): string {
    const { build, int8Dot, fma, threads, whyOneThread } = this.#engines[0]
    const dot = build === 'relaxed' ? `relaxed SIMD (${int8Dot} int8 dot${fma ? ', fma' : ''})` : 'plain SIMD'
    return [
      `WebAssembly, ${dot}`,
      `${threads} ${threads === 1 ? 'thread' : 'threads'}${whyOneThread ? ` (${whyOneThread})` : ''}`,
      ...(this.#engines.length > 1 ? [`${this.#engines.length} memories`] : []),
    ].join(', ')
  }

  /** Why a newer runtime would be faster on this machine; undefined if it would not. */
  override get advice(): string | undefined {
    const { build, int8Dot } = this.#engines[0]
    if (build === 'plain') return 'a newer runtime, such as Node 24, has relaxed SIMD: up to twice the speed'
    const nodeMajor = Number.parseInt(globalThis.process?.versions?.node ?? '24', 10)
    return int8Dot === 'unsigned7' && nodeMajor < 24
      ? 'Node 24 knows the int8 dot product that newer processors have: up to twice the speed with q8_0 weights'
      : undefined
  }

  protected override implementationsOf(op: Op): readonly Implementation[] {
    return simdKernels
      .filter(kernel => kernel.op === op)
      .map(kernel => ({
        name: 'simd',
        fits: call => kernel.fits?.(call) ?? true,
        run: call => this.#run(kernel, call),
      }))
  }

  protected allocate(data: TensorData | undefined, spec: Spec): Storage {
    return asDeviceFailure(() => {
      const { dtype, shape } = spec
      if (data && dtype !== 'f32' && dtype !== 'i32') return this.#pack(data as Uint16Array | Uint8Array, spec)
      const bytes = bytesHere(spec)
      const storage = alloc(this.#engineFor(bytes), bytes)
      const { engine, pointer } = storage
      if (!data) engine.u32(pointer, Math.ceil(bytes / 4)).fill(0)
      else if (dtype === 'f32') engine.f32(pointer, sizeOf(shape)).set(data)
      else engine.u32(pointer, sizeOf(shape)).set(data)
      return storage
    })
  }

  override staging(): Staging {
    const staging = new SimdStaging(this.#engines[0], () => this.#stagings.delete(staging))
    this.#stagings.add(staging)
    return staging
  }

  protected release(storage: Storage): void {
    const { engine, pointer } = storage as SimdStorage
    engine.free(pointer)
  }

  #run(kernel: SimdKernel, { op, inputs, outputs, attributes }: Call): readonly Storage[] {
    const stored = inputs.map(({ storage }) => storage as SimdStorage)
    const engine = placeOf(op, stored)
    const temporary: number[] = [] // freed at the end: copies of inputs, scratch memory, and results if the op fails
    const scratch = (floats: number) => {
      const pointer = engine.alloc(4 * floats)
      temporary.push(pointer)
      return pointer
    }
    try {
      return asDeviceFailure(() => {
        const found = inputs.map((input, i) => inMemoryOf(engine, input, stored[i], temporary))
        const results = outputs.map((output, i) => {
          const target = op.inPlace?.[i] ?? -1
          if (target >= 0) return { engine, pointer: found[target].pointer, bytes: stored[target].bytes }
          const storage = alloc(engine, bytesOf(output))
          temporary.push(storage.pointer)
          return storage
        })
        const pointers = results.map(({ pointer }) => pointer)
        kernel.run(engine, pointers, found, attributes as never, outputs, scratch)
        this.note(op.name, 'simd', [sizeOf(outputs[0].shape)])
        return results.map((result, i) => this.#finish(result, stored[op.inPlace?.[i] ?? -1], temporary))
      })
    } finally {
      for (const pointer of temporary) engine.free(pointer)
    }
  }

  /** The storage of a result: new storage, or the storage that the op changed in place. */
  #finish(result: SimdStorage, target: SimdStorage | undefined, temporary: number[]): SimdStorage {
    if (!target) {
      temporary.splice(temporary.indexOf(result.pointer), 1)
      return result
    }
    if (target.engine !== result.engine) copy(result, target)
    return target
  }

  protected async download(storage: Storage, { dtype, shape }: Spec): Promise<Float32Array | Int32Array> {
    const { engine, pointer, weight } = storage as SimdStorage
    const size = sizeOf(shape)
    if (dtype === 'f32') return Float32Array.from(engine.f32(pointer, size))
    if (dtype === 'i32') return Int32Array.from(engine.u32(pointer, size))
    if (weight)
      throw new DeviceFailedError('simd', `a ${dtype} weight is packed for its kernels and cannot be read back`)
    return this.#readCache(engine, pointer, { dtype, shape })
  }

  /** All rows of a cache as f32. */
  #readCache(engine: SimdEngine, pointer: number, { dtype, shape }: Spec): Float32Array {
    const [tokens] = shape
    const width = sizeOf(shape) / tokens
    const rows = engine.alloc(4 * tokens)
    const out = engine.alloc(4 * tokens * width)
    try {
      engine.u32(rows, tokens).set(Array.from({ length: tokens }, (_, row) => row))
      engine.readRows(pointer, rows, out, { tokens, width, dtype: dtype as CacheType })
      return Float32Array.from(engine.f32(out, tokens * width))
    } finally {
      engine.free(rows)
      engine.free(out)
    }
  }

  protected async shutDown(): Promise<void> {
    await Promise.all(this.#engines.map(engine => engine.close()))
  }

  #pack(data: Uint16Array | Uint8Array, { dtype, shape }: Spec): SimdStorage {
    const { rows, columns } = asMatrix(shape)
    const engine = this.#engineFor(data.byteLength)
    const weight = this.#packed(engine, { dtype: dtype as Weight['dtype'], data, out: rows, in: columns })
    return { engine, pointer: weight.pointer, bytes: weight.bytes, weight }
  }

  /** A weight whose bytes may lie in the memory of its engine already. */
  #packed(engine: SimdEngine, packing: WeightData): Weight {
    for (const staging of this.#stagings) {
      const pointer = staging.pointerOf(packing.data)
      if (pointer === undefined || staging.engine !== engine) continue
      const weight = engine.weight(packing.dtype, packing.out, packing.in)
      try {
        engine.packAt(weight, 0, pointer, packing.out)
        return weight
      } catch (error) {
        engine.free(weight.pointer)
        throw error
      }
    }
    return engine.packWeight(packing)
  }

  /** The engine whose memory gets an upload. */
  #engineFor(bytes: number): SimdEngine {
    const [first] = this.#engines
    if (bytes < SMALL_SHARE * first.maxBytes) return first
    const hasRoom = ({ usedBytes, maxBytes }: SimdEngine) => usedBytes + bytes <= LASTING_SHARE * maxBytes
    const found = this.#engines.find(hasRoom)
    if (found) return found
    const next = first.withNewMemory()
    this.#engines.push(next)
    return next
  }
}

/** Runs work, and turns errors of full memory or lost workers into device errors. @throws DeviceFailedError */
const asDeviceFailure = <T>(work: () => T): T => {
  try {
    return work()
  } catch (error) {
    throw new DeviceFailedError('simd', (error as Error).message, { cause: error })
  }
}

/** Bytes of a tensor as the engine holds it: rows of a cache have their own layout. */
const bytesHere = (spec: Spec): number => {
  const { dtype, shape } = spec
  if (dtype === 'f32' || dtype === 'i32') return bytesOf(spec)
  return shape[0] * cacheRowBytes(dtype as CacheType, sizeOf(shape) / shape[0])
}

const alloc = (engine: SimdEngine, bytes: number): SimdStorage => ({ engine, pointer: engine.alloc(bytes), bytes })

/** The engine that runs an op: the one with its packed weight, which does not move; otherwise the one with its largest input, or with the input that it changes. */
const placeOf = (op: Op, inputs: readonly SimdStorage[]): SimdEngine => {
  const changed = op.inPlace?.find(input => input >= 0)
  if (changed !== undefined) return inputs[changed].engine
  let place = inputs[0]
  for (const input of inputs) {
    if (input.weight) return input.engine
    if (input.bytes > place.bytes) place = input
  }
  return place.engine
}

/** An input in the memory of `engine`: in place, or a copy, whose pointer is added to `copies`. */
const inMemoryOf = (engine: SimdEngine, input: Operand, stored: SimdStorage, copies: number[]): SimdInput => {
  const { shape, dtype } = input
  if (stored.engine === engine) return { pointer: stored.pointer, shape, dtype, weight: stored.weight }
  const pointer = engine.alloc(stored.bytes)
  copies.push(pointer)
  copy(stored, { engine, pointer, bytes: stored.bytes })
  return { pointer, shape, dtype, weight: undefined }
}

const copy = (from: SimdStorage, to: SimdStorage): void => {
  const words = Math.ceil(from.bytes / 4)
  to.engine.u32(to.pointer, words).set(from.engine.u32(from.pointer, words))
}
