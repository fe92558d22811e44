import type { Kernels } from './kernels'
import type { Memory } from './memory'
import type { Int8Dot } from './probe'
import { TrainingKernels } from './training-kernels'
import {
  allocateWeight,
  isQuantised,
  type Packer,
  packRows,
  packRowsAt,
  packWeight,
  quantisation,
  typeNumber,
  type Weight,
  type WeightData,
  type WeightExports,
  type WeightType,
} from './weights'

/** What assembly/ exports for {@link WeightKernels}. */
export interface ProductExports extends WeightExports {
  floatEmbedding(panels: number, ids: number, out: number, count: number, n: number, k: number, type: number): void
  quantizedEmbedding(
    panels: number,
    ids: number,
    out: number,
    count: number,
    n: number,
    k: number,
    type: number,
    zero: number,
    widen: boolean,
  ): void
  linear(
    x: number,
    panels: number,
    out: number,
    tokens: number,
    n: number,
    k: number,
    type: number,
    zero: number,
    product: number,
  ): void
  matmul(
    a: number,
    b: number,
    out: number,
    m: number,
    n: number,
    k: number,
    transposed: boolean,
    layout: number,
    accumulate: boolean,
  ): void
}

/** The memory layout of the right side of a matrix product, by the numbers in assembly/matmul.ts. */
const BY_ROWS = -1
const BY_COLUMNS = -2

/** Kernels that multiply by weights, and matrices by each other. */
export class WeightKernels extends TrainingKernels {
  readonly int8Dot: Int8Dot
  readonly #kernels: ProductExports
  readonly #packer: Packer

  constructor(kernels: Kernels, memory: Memory, int8Dot: Int8Dot) {
    super(kernels, memory)
    this.int8Dot = int8Dot
    this.#kernels = kernels
    this.#packer = { kernels, memory, int8Dot }
  }

  /**
   * Copies a weight into the memory, in the order in which {@link linear} reads it, on all threads.
   * @throws SimdArgumentError for sizes or a length that do not fit, an f16 number or a scale that is infinite or NaN
   * @throws SimdMemoryError
   */
  packWeight(weight: WeightData): Weight {
    return packWeight(this.#packer, weight)
  }

  /**
   * Allocates a weight [out, columns] whose rows are set in pieces by {@link pack} or {@link packAt}. Rows that are not set are
   * undefined. Free it by `free(weight.pointer)`.
   * @throws SimdArgumentError for an unsupported type or invalid sizes
   * @throws SimdMemoryError
   */
  weight(dtype: WeightType, out: number, columns: number): Weight {
    return allocateWeight(this.#packer, dtype, out, columns)
  }

  /**
   * Packs the rows from `firstRow`, whose bytes are as in a file. Pieces begin at multiples of 8 rows, and only the last may end
   * elsewhere.
   * @throws SimdArgumentError for bytes that are not such rows, or an f16 number or a scale that is infinite or NaN
   * @throws SimdMemoryError
   */
  pack(weight: Weight, firstRow: number, bytes: Uint8Array<ArrayBufferLike>): void {
    packRows(this.#packer, weight, firstRow, bytes)
  }

  /** The same for `rows` rows whose bytes lie at `pointer` in this engine's memory, into which a file can be read. @throws SimdArgumentError */
  packAt(weight: Weight, firstRow: number, pointer: number, rows: number): void {
    packRowsAt(this.#packer, weight, firstRow, pointer, rows)
  }

  /**
   * out [rows, weight.out] = x [rows, weight.in] · weightᵀ. A row's result is the same bits however many rows there are. For
   * quantised weights x is quantised too: in blocks of 32, or of 16 for q2_k, q3_k and q6_k, each with an f32 scale, to int8, or to
   * int16 where products are of 16 bits.
   */
  linear(x: number, weight: Weight, out: number, rows: number): void {
    const { dtype, pointer, out: n, in: k } = weight
    const type = typeNumber(dtype)
    if (isQuantised(dtype)) {
      const { zero, product } = quantisation(dtype, this.int8Dot)
      this.#kernels.linear(x, pointer, out, rows, n, k, type, zero, product)
    } else this.#kernels.matmul(x, pointer, out, rows, n, k, false, weight.packed ? type : BY_ROWS, false)
  }

  /** Rows `ids` (u32, below weight.out) of a weight: out [count, weight.in]. */
  embedding(weight: Weight, ids: number, out: number, count: number): void {
    const { dtype, pointer, out: n, in: k } = weight
    const type = typeNumber(dtype)
    if (isQuantised(dtype)) {
      const { zero, widen } = quantisation(dtype, this.int8Dot)
      this.#kernels.quantizedEmbedding(pointer, ids, out, count, n, k, type, zero, widen)
    } else if (weight.packed) this.#kernels.floatEmbedding(pointer, ids, out, count, n, k, type)
    else this.gatherRows(pointer, ids, out, { rows: count, width: k })
  }

  /**
   * out [m, n] = a · b, or out += a · b with `accumulate`, where sums begin with the values in `out`. a is [m, k], transposed
   * [k, m]; b is [k, n], transposed [n, k].
   */
  matmul(
    a: number,
    b: number,
    out: number,
    size: { readonly m: number; readonly n: number; readonly k: number },
    options: MatmulOptions = {},
  ): void {
    const layout = options.b ? BY_ROWS : BY_COLUMNS
    const { m, n, k } = size
    this.#kernels.matmul(a, b, out, m, n, k, options.a ?? false, layout, options.accumulate ?? false)
  }
}

export interface MatmulOptions {
  /** Whether the left side is transposed. */
  readonly a?: boolean | undefined
  /** Whether the right side is transposed. */
  readonly b?: boolean | undefined
  /** Whether the product is added to the values in `out`. */
  readonly accumulate?: boolean | undefined
}
