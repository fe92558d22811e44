import type { ReadTensorOptions, TensorData } from './checkpoint'
import {
  blockElements,
  byteLength,
  type DType,
  elementCount,
  isWeightDType,
  rowLength,
  type WeightDType,
} from './dtypes'
import { ConversionError } from './errors'
import { decoders } from './quantisation/decode'
import { encoders } from './quantisation/encode'
import { interleavedRow } from './rope-permutation'
import type { Source } from './sources/source'
import { matrixOf, type PartRows, readChunks, type TensorChunk } from './tensor-chunks'
import { turns } from './turns'

/** A run of one file that holds a tensor, or one shard of it. */
export interface StoredPart {
  readonly source: Source
  readonly offset: number
  readonly shape: readonly number[]
  /** Scales of `i8_grouped`: one f32 for each `groupSize` elements of the flat tensor. */
  readonly scales?: { readonly offset: number; readonly groupSize: number }
}

/** Where a tensor of a checkpoint lies, and in what layout. */
export interface StoredTensor {
  /** The name that the file gives it. */
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: DType
  /** One, or the model-parallel shards in order. */
  readonly parts: readonly StoredPart[]
  /** The axis along which the parts are joined. */
  readonly axis?: 0 | 1 | undefined
  /** Size of the heads whose rows are in Hugging Face's halves, and are interleaved on reading; only of whole tensors. */
  readonly halvesOf?: number | undefined
}

/** Bytes that all parts take in their files. */
export const storedBytes = ({ dtype, parts }: StoredTensor): number =>
  parts.reduce((sum, { shape, scales }) => {
    const elements = elementCount(shape) ?? 0
    return sum + byteLength(dtype, elements) + (scales ? (elements / scales.groupSize) * 4 : 0)
  }, 0)

/** Elements that are converted between two looks at the clock. */
const sliceElements = 2 ** 19

const typed = (dtype: WeightDType, shape: readonly number[], bytes: Uint8Array<ArrayBuffer>): TensorData => {
  const { buffer, byteOffset, length } = bytes
  if (dtype === 'f32') return { dtype, shape, data: new Float32Array(buffer, byteOffset, length / 4) }
  if (dtype === 'f16') return { dtype, shape, data: new Uint16Array(buffer, byteOffset, length / 2) }
  return { dtype, shape, data: bytes }
}

const checkTarget = (stored: StoredTensor, dtype: WeightDType) => {
  const block = blockElements(dtype)
  if (rowLength(stored.shape) % block !== 0) {
    throw new ConversionError(
      { file: stored.parts[0].source.name, tensor: stored.name },
      `rows of ${rowLength(stored.shape)} are no whole number of ${dtype} blocks of ${block}; read it as f16 or f32`,
    )
  }
}

/** Room for the result; a typed error where the machine has not so much. */
const allocate = ({ name, parts }: StoredTensor, bytes: number): Uint8Array<ArrayBuffer> => {
  try {
    return new Uint8Array(bytes)
  } catch (error) {
    throw new ConversionError(
      { file: parts[0].source.name, tensor: name },
      `needs ${bytes} bytes of memory, which there are not; read it in a smaller type`,
      { cause: error },
    )
  }
}

/** Brings rows from halves to interleaved pairs where they lie, head by head: a head fits in a processor's cache. */
const interleaveHeads = async (bytes: Uint8Array, rows: number, headDim: number, turn: () => Promise<void>) => {
  const stride = bytes.length / rows
  const head = new Uint8Array(headDim * stride)
  for (let at = 0; at < bytes.length; at += head.length) {
    head.set(bytes.subarray(at, at + head.length))
    for (let r = 0; r < headDim; r++) {
      bytes.set(head.subarray(r * stride, (r + 1) * stride), at + interleavedRow(r, headDim) * stride)
    }
    await turn()
  }
}

/** Copies the rows of a part to their place in the whole, as they are stored. */
const copyRows = ({ dtype, shape }: StoredTensor, part: PartRows, out: Uint8Array) => {
  const stride = byteLength(dtype, rowLength(shape))
  const length = byteLength(dtype, part.columns)
  const column = byteLength(dtype, part.column)
  for (let r = 0; r < part.rows; r++) {
    out.set(part.bytes.subarray(r * length, (r + 1) * length), (part.row + r) * stride + column)
  }
}

/** Decodes `rows` rows of a part, from its row `first`, to f32. */
const decodeRows = (part: PartRows, dtype: DType, first: number, rows: number, out: Float32Array, at: number) => {
  const start = first * part.columns
  const count = rows * part.columns
  decoders[dtype](part.bytes, byteLength(dtype, start), count, out, at)
  if (!part.scales) return
  for (let i = 0; i < count; i++) {
    out[at + i] *= part.scales[Math.floor((part.groupOffset + start + i) / part.groupSize)]
  }
}

/** Decodes what the parts have of rows `first` to `last` of the whole. */
const decodeSlice = (
  { dtype, shape }: StoredTensor,
  parts: readonly PartRows[],
  first: number,
  last: number,
  out: Float32Array,
  at: number,
) => {
  const columns = rowLength(shape)
  for (const part of parts) {
    const from = Math.max(first, part.row)
    const to = Math.min(last, part.row + part.rows)
    // Whole rows lie together; a column shard's rows are apart.
    const run = part.columns === columns ? Math.max(1, to - from) : 1
    for (let r = from; r < to; r += run) {
      decodeRows(part, dtype, r - part.row, run, out, at + (r - first) * columns + part.column)
    }
  }
}

/** Encodes rows `first` to `last`, which begin `values`, each to its place in the whole. */
const encodeSlice = (
  stored: StoredTensor,
  dtype: WeightDType,
  values: Float32Array,
  first: number,
  last: number,
  out: Uint8Array,
  place: ((row: number) => number) | undefined,
) => {
  const columns = rowLength(stored.shape)
  const stride = byteLength(dtype, columns)
  const run = place ? 1 : last - first
  for (let r = first; r < last; r += run) {
    const lost = encoders[dtype](values, (r - first) * columns, run * columns, out, (place?.(r) ?? r) * stride)
    if (lost === undefined) continue
    throw new ConversionError(
      { file: stored.parts[0].source.name, tensor: stored.name },
      `holds ${lost}, which ${dtype} cannot represent (f16 values and scales end at 65504); read it as f32`,
    )
  }
}

/** What is done with each chunk: decode to f32 and encode again, a slice at a time. */
const converter = (
  stored: StoredTensor,
  dtype: WeightDType,
  out: Uint8Array<ArrayBuffer>,
  turn: () => Promise<void>,
) => {
  const { rows, columns } = matrixOf(stored.shape)
  const { halvesOf } = stored
  const place = halvesOf === undefined ? undefined : (row: number) => interleavedRow(row, halvesOf)
  const slice = Math.min(rows, Math.max(1, Math.floor(sliceElements / columns)))
  const whole = dtype === 'f32' && !place ? new Float32Array(out.buffer) : undefined
  const scratch = whole ?? new Float32Array(slice * columns)
  return async ({ first: start, last: end, parts }: TensorChunk) => {
    for (let first = start; first < end; first += slice) {
      const last = Math.min(first + slice, end)
      decodeSlice(stored, parts, first, last, scratch, whole ? first * columns : 0)
      if (!whole) encodeSlice(stored, dtype, scratch, first, last, out, place)
      await turn()
    }
  }
}

/**
 * Reads a tensor and brings it to `dtype` and to Meta's layout, in chunks of its source: beside the result it holds two of
 * those and one slice of conversion.
 */
export const readStored = async (stored: StoredTensor, options: ReadTensorOptions): Promise<TensorData> => {
  const dtype = options.dtype ?? (isWeightDType(stored.dtype) ? stored.dtype : 'f32')
  checkTarget(stored, dtype)
  const { shape, halvesOf, parts } = stored
  const out = allocate(stored, byteLength(dtype, elementCount(shape) ?? 0))
  const turn = turns(options.signal)
  if (stored.dtype === dtype && parts.length === 1) {
    const bytes = await parts[0].source.read(parts[0].offset, out.length, { ...options, into: out })
    if (halvesOf !== undefined) await interleaveHeads(bytes, shape[0], halvesOf, turn)
    return typed(dtype, shape, bytes)
  }
  const convert = stored.dtype === dtype ? undefined : converter(stored, dtype, out, turn)
  for await (const chunk of readChunks(stored, options)) {
    if (convert) await convert(chunk)
    else for (const part of chunk.parts) copyRows(stored, part, out)
    await turn()
  }
  return typed(dtype, shape, out)
}
