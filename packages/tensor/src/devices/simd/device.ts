import { openSimd, type SimdEngine, type Weight } from '@cria/simd-kernels'
import { Device, type DeviceOptions, type Storage, type TensorData } from '../../device'
import { DeviceFailedError } from '../../errors'
import type { Op } from '../../op'
import { asMatrix, type Shape, sizeOf } from '../../shape'
import type { DType, Tensor } from '../../tensor'
import { type SimdInput, twins } from './twins'

/** Bytes in the memory of an engine; of f16, q8_0 and q4_0 a weight in the order in which its kernels read it. */
interface SimdStorage extends Storage {
  readonly engine: SimdEngine
  readonly pointer: number
  readonly weight?: Weight
}

/** How much of a memory uploads may take: weights and caches. The rest is for what ops make, and for scratch memory. */
const LASTING_SHARE = 3 / 4
/** Uploads below this share go into the first memory, full or not: ids, angles, norms. */
const SMALL_SHARE = 2 ** -12

const storageOf = (tensor: Tensor): SimdStorage => tensor.storage as SimdStorage

/**
 * Cria's AssemblyScript engine: SIMD on all cores, for machines without a GPU. Ops without a kernel run their reference.
 *
 * An engine's memory ends at 4 GiB. What does not fit goes into the memory of another engine, and an op runs where its weight or
 * its largest input lies: the others are brought there, and activations move along with the layers.
 */
export class SimdDevice extends Device {
  readonly name = 'simd'
  override readonly weightTypes: readonly DType[] = ['f32', 'f16', 'q8_0', 'q4_0']
  readonly #engines: SimdEngine[]
  #closing: Promise<unknown> | undefined

  private constructor(engine: SimdEngine) {
    super()
    this.#engines = [engine]
  }

  /** @param maxBytes of each memory; 4 GiB, the most there can be, unless given */
  static async open(options: DeviceOptions, maxBytes?: number): Promise<SimdDevice> {
    return new SimdDevice(await openSimd({ ...options, ...(maxBytes === undefined ? {} : { maxBytes }) }))
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

  /** What a newer runtime would make of this machine; undefined where it would make no more. */
  get advice(): string | undefined {
    const { build, int8Dot } = this.#engines[0]
    if (build === 'plain') return 'a newer runtime, such as Node 24, has relaxed SIMD: up to twice the speed'
    const nodeMajor = Number.parseInt(globalThis.process?.versions?.node ?? '24', 10)
    return int8Dot === 'unsigned7' && nodeMajor < 24
      ? 'Node 24 knows the int8 dot product that newer processors have: up to twice the speed with q8_0 weights'
      : undefined
  }

  protected allocate(data: TensorData | undefined, dtype: DType, shape: Shape): Storage {
    return failing(() => {
      if (dtype !== 'f32') return this.#pack(data as Uint16Array | Uint8Array, dtype, shape)
      const size = sizeOf(shape)
      const storage = alloc(this.#engineFor(4 * size), size)
      const target = storage.engine.f32(storage.pointer, size)
      if (data) target.set(data)
      else target.fill(0)
      return storage
    })
  }

  protected release(storage: Storage): void {
    const { engine, pointer } = storage as SimdStorage
    engine.free(pointer)
  }

  protected compute(op: Op, inputs: readonly Tensor[], attributes: unknown, shape: Shape): Storage {
    const stored = inputs.map(storageOf)
    const engine = op.inPlace ? stored[0].engine : placeOf(stored)
    const made: number[] = [] // what is freed in the end: copies of inputs, and a result that was not finished
    try {
      return failing(() => {
        const found = inputs.map(input => bring(input, engine, made))
        const storage = op.inPlace ? stored[0] : alloc(engine, sizeOf(shape))
        if (!op.inPlace) made.push(storage.pointer)
        const twin = twins[op.name]
        const done = twin !== undefined && twin(engine, storage.pointer, found, attributes as never) !== false
        this.note(op.name, done ? 'simd' : 'reference', [sizeOf(shape)])
        if (!done) computeReference(op, engine, found, attributes, storage.pointer)
        if (!op.inPlace) made.pop()
        return storage
      })
    } finally {
      for (const pointer of made) engine.free(pointer)
    }
  }

  protected async download(storage: Storage, size: number): Promise<Float32Array> {
    const { engine, pointer } = storage as SimdStorage
    return Float32Array.from(engine.f32(pointer, size))
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.all(this.#engines.map(engine => engine.close()))
    await this.#closing
  }

  #pack(data: Uint16Array | Uint8Array, dtype: Exclude<DType, 'f32'>, shape: Shape): SimdStorage {
    const { rows, columns } = asMatrix(shape)
    const engine = this.#engineFor(data.byteLength)
    const weight = engine.packWeight({ dtype, data, out: rows, in: columns })
    return { engine, pointer: weight.pointer, bytes: weight.bytes, weight }
  }

  /** The engine in whose memory an upload goes. */
  #engineFor(bytes: number): SimdEngine {
    const [first] = this.#engines
    if (bytes < SMALL_SHARE * first.maxBytes) return first
    const hasRoom = ({ usedBytes, maxBytes }: SimdEngine) => usedBytes + bytes <= LASTING_SHARE * maxBytes
    const found = this.#engines.find(hasRoom)
    if (found) return found
    const next = first.another()
    this.#engines.push(next)
    return next
  }
}

/** Runs what may find a memory full, or a worker gone. @throws DeviceFailedError */
const failing = <T>(work: () => T): T => {
  try {
    return work()
  } catch (error) {
    throw new DeviceFailedError('simd', (error as Error).message, { cause: error })
  }
}

const alloc = (engine: SimdEngine, size: number): SimdStorage => ({
  engine,
  pointer: engine.alloc(4 * size),
  bytes: 4 * size,
})

/** Where an op runs: at its quantised weight, which is not moved, else at its largest input. */
const placeOf = (inputs: readonly SimdStorage[]): SimdEngine => {
  const weight = inputs.find(input => input.weight)
  return (weight ?? inputs.reduce((largest, input) => (input.bytes > largest.bytes ? input : largest))).engine
}

/** An input in the memory of `engine`: where it lies, or a copy, which is noted. */
const bring = (input: Tensor, engine: SimdEngine, copies: number[]): SimdInput => {
  const { engine: from, pointer, weight } = storageOf(input)
  const { shape, size } = input
  if (from === engine) return { pointer, shape, weight }
  const copy = engine.alloc(4 * size)
  copies.push(copy)
  engine.f32(copy, size).set(from.f32(pointer, size))
  return { pointer: copy, shape }
}

const computeReference = (
  op: Op,
  engine: SimdEngine,
  inputs: readonly SimdInput[],
  attributes: unknown,
  out: number,
): void => {
  const values = inputs.map(({ pointer, shape }) => ({ shape, data: engine.f32(pointer, sizeOf(shape)) }))
  const result = op.reference(values, attributes)
  engine.f32(out, result.length).set(result)
}
