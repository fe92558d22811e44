import { openSimd, type SimdEngine, type Weight } from '@cria/simd-kernels'
import { Device, type DeviceOptions, type Storage, type TensorData } from '../device'
import { DeviceFailedError } from '../errors'
import type { Op } from '../op'
import type { AttentionAttributes } from '../ops/attention'
import type { MatmulAttributes } from '../ops/matmul'
import type { RopePairing } from '../ops/rope'
import { asMatrix, type Shape, sizeOf } from '../shape'
import type { DType, Tensor } from '../tensor'

/** Bytes in the engine's memory; for f16, q8_0 and q4_0 a weight in the order in which its kernels read it. */
interface SimdStorage extends Storage {
  readonly pointer: number
  readonly weight?: Weight
}

/** Runs one op on the engine, and gives false where it has no kernel for this call. */
type SimdTwin = (out: number, inputs: readonly Tensor[], attributes: never) => unknown

const storageOf = (tensor: Tensor): SimdStorage => tensor.storage as SimdStorage
const pointerOf = (tensor: Tensor): number => storageOf(tensor).pointer

/** Cria's AssemblyScript engine: SIMD on all cores, for machines without a GPU. Ops without a kernel run their reference. */
export class SimdDevice extends Device {
  readonly name = 'simd'
  override readonly weightTypes: readonly DType[] = ['f32', 'f16', 'q8_0', 'q4_0']

  private constructor(private readonly engine: SimdEngine) {
    super()
  }

  static async open({ threads }: DeviceOptions): Promise<SimdDevice> {
    return new SimdDevice(await openSimd(threads === undefined ? {} : { threads }))
  }

  get description(): string {
    const { build, int8Dot, fma, threads, whyOneThread } = this.engine
    const dot = build === 'relaxed' ? `relaxed SIMD (${int8Dot} int8 dot${fma ? ', fma' : ''})` : 'plain SIMD'
    return `WebAssembly, ${dot}, ${threads} ${threads === 1 ? 'thread' : 'threads'}${whyOneThread ? ` (${whyOneThread})` : ''}`
  }

  protected allocate(data: TensorData | undefined, dtype: DType, shape: Shape): Storage {
    if (dtype !== 'f32') return this.#pack(data, dtype, shape)
    const storage = this.#alloc(sizeOf(shape))
    const target = this.engine.f32(storage.pointer, sizeOf(shape))
    if (data) target.set(data)
    else target.fill(0)
    return storage
  }

  protected release(storage: Storage): void {
    this.engine.free((storage as SimdStorage).pointer)
  }

  protected compute(op: Op, inputs: readonly Tensor[], attributes: unknown, shape: Shape): Storage {
    try {
      const storage = op.inPlace ? storageOf(inputs[0]) : this.#alloc(sizeOf(shape))
      const twin = this.#twins[op.name]
      const done = twin !== undefined && twin(storage.pointer, inputs, attributes as never) !== false
      this.note(op.name, done ? 'simd' : 'reference', [sizeOf(shape)])
      if (!done) this.#reference(op, inputs, attributes, storage.pointer)
      return storage
    } catch (error) {
      throw new DeviceFailedError('simd', (error as Error).message, { cause: error })
    }
  }

  protected async download(storage: Storage, size: number): Promise<Float32Array> {
    return Float32Array.from(this.engine.f32((storage as SimdStorage).pointer, size))
  }

  async close(): Promise<void> {
    await this.engine.close()
  }

  #alloc(size: number): SimdStorage {
    return { pointer: this.engine.alloc(4 * size), bytes: 4 * size }
  }

  #pack(data: TensorData | undefined, dtype: Exclude<DType, 'f32'>, shape: Shape): SimdStorage {
    const { rows, columns } = asMatrix(shape)
    const weight = this.engine.packWeight({ dtype, data, out: rows, in: columns } as never)
    return { pointer: weight.pointer, bytes: weight.bytes, weight }
  }

  /** A tensor as a weight: packed as such when it was uploaded, or f32 rows as any tensor's. */
  #weight(tensor: Tensor): Weight {
    const { weight, pointer, bytes } = storageOf(tensor)
    const [out, columns] = tensor.shape
    return weight ?? { dtype: 'f32', pointer, bytes, out, in: columns }
  }

  #reference(op: Op, inputs: readonly Tensor[], attributes: unknown, out: number): void {
    const values = inputs.map(input => ({ shape: input.shape, data: this.engine.f32(pointerOf(input), input.size) }))
    const result = op.reference(values, attributes)
    this.engine.f32(out, result.length).set(result)
  }

  readonly #twins: Readonly<Record<string, SimdTwin>> = {
    linear: (out, [x, weight]) => this.engine.linear(pointerOf(x), this.#weight(weight), out, asMatrix(x.shape).rows),

    embedding: (out, [ids, weight]) => {
      const whole = this.engine.alloc(4 * ids.size)
      this.engine.u32(whole, ids.size).set(this.engine.f32(pointerOf(ids), ids.size))
      this.engine.embedding(this.#weight(weight), whole, out, ids.size)
      this.engine.free(whole)
    },

    matmul: (out, [a, b], { transposeA, transposeB }: MatmulAttributes) => {
      const [rows, columns] = a.shape.slice(-2)
      const [m, k] = transposeA ? [columns, rows] : [rows, columns]
      const n = b.shape[b.shape.length - (transposeB ? 2 : 1)]
      for (let batch = 0; batch < a.size / (m * k); batch++)
        this.engine.matmul(
          pointerOf(a) + 4 * batch * m * k,
          pointerOf(b) + 4 * batch * k * n,
          out + 4 * batch * m * n,
          { m, n, k },
          { a: transposeA, b: transposeB },
        )
    },

    attention: (out, [q, k, v], { position }: AttentionAttributes) => {
      const [batch, tokens, heads, headDim] = q.shape
      const [, capacity, kvHeads] = k.shape
      for (let b = 0; b < batch; b++) {
        const queries = 4 * b * tokens * heads * headDim
        const rows = 4 * b * capacity * kvHeads * headDim
        const shape = { tokens, position, heads, kvHeads, headDim }
        this.engine.attention(pointerOf(q) + queries, pointerOf(k) + rows, pointerOf(v) + rows, out + queries, shape)
      }
    },

    rope: (out, [x, cosines, sines], { pairing }: { pairing: RopePairing }) => {
      if (pairing !== 'interleaved') return false
      const [batch, tokens, heads, headDim] = x.shape
      const size = { rows: batch * tokens, tokens, heads, headDim }
      return this.engine.rope(pointerOf(x), pointerOf(cosines), pointerOf(sines), out, size)
    },

    rmsNorm: (out, [x, weight], { eps }: { eps: number }) => {
      const { rows, columns } = asMatrix(x.shape)
      this.engine.rmsNorm(pointerOf(x), pointerOf(weight), out, rows, columns, eps)
    },

    softmax: (out, [x]) => {
      const { rows, columns } = asMatrix(x.shape)
      this.engine.softmax(pointerOf(x), out, rows, columns)
    },

    siluMul: (out, [a, b]) => this.engine.siluMul(pointerOf(a), pointerOf(b), out, a.size),

    add: (out, [a, b]) => this.engine.add(pointerOf(a), pointerOf(b), out, a.size),

    writeRows: (out, [target, source], { row }: { row: number }) => {
      const [batch, rows] = target.shape
      const width = target.size / (batch * rows)
      const count = source.size / batch
      for (let b = 0; b < batch; b++)
        this.engine
          .f32(out + 4 * (b * rows + row) * width, count)
          .set(this.engine.f32(pointerOf(source) + 4 * b * count, count))
    },

    slice: (out, [x], { axis, start, length }: { axis: number; start: number; length: number }) => {
      const index = axis < 0 ? x.shape.length + axis : axis
      const inner = sizeOf(x.shape.slice(index + 1))
      const outer = sizeOf(x.shape.slice(0, index))
      for (let o = 0; o < outer; o++)
        this.engine
          .f32(out + 4 * o * length * inner, length * inner)
          .set(this.engine.f32(pointerOf(x) + 4 * (o * x.shape[index] + start) * inner, length * inner))
    },
  }
}
