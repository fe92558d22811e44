import {
  byteLength,
  type DType,
  decode,
  dtypes,
  type EncodableDType,
  EncodingError,
  elementCount,
  encodableDTypes,
  encode,
  rowLength,
  viewOf,
} from '@cria/dtypes'
import type { ReadTensorOptions, TensorData } from './checkpoint'
import { ConversionError } from './errors'
import { responsive } from './responsive'
import type { StoredTensor } from './stored-model'
import { elementType, matrixOf, type PartRows, readChunks, type TensorChunk, type WholeTensor } from './tensor-chunks'

/** Elements that are converted before the event loop may run. */
const sliceElements = 2 ** 19

const isEncodable = (dtype: DType): dtype is EncodableDType => (encodableDTypes as readonly DType[]).includes(dtype)

const placeOf = ({ name, parts }: StoredTensor) => ({ file: parts[0].source.name, tensor: name })

const checkTarget = (stored: StoredTensor, dtype: DType) => {
  const { blockElements } = dtypes[dtype]
  if (rowLength(stored.shape) % blockElements !== 0) {
    throw new ConversionError(
      placeOf(stored),
      `has rows of ${rowLength(stored.shape)}, not a multiple of the ${blockElements} elements of a ${dtype} block; ` +
        'read it as f16 or f32',
    )
  }
  if (dtype !== stored.dtype && !isEncodable(dtype)) {
    throw new ConversionError(
      placeOf(stored),
      `is ${stored.dtype}, which converts to ${encodableDTypes.join(', ')}, but not to ${dtype}`,
    )
  }
}

/** Memory for the result. @throws ConversionError if there is not enough */
const allocate = (
  stored: StoredTensor,
  bytes: number,
  memory: ReadTensorOptions['memory'] = length => new Uint8Array(length),
): Uint8Array<ArrayBuffer> => {
  try {
    // Memory that threads share is written like any other.
    return memory(bytes) as Uint8Array<ArrayBuffer>
  } catch (error) {
    const problem = `needs ${bytes} bytes, more memory than is available; read it in a smaller type`
    throw new ConversionError(placeOf(stored), problem, { cause: error })
  }
}

/** Copies the rows of a part, as they are stored, to their place in the result. */
const copyRows = ({ dtype, shape, permuteRows }: WholeTensor, part: PartRows, out: Uint8Array) => {
  const type = elementType(dtype)
  const stride = byteLength(type, rowLength(shape))
  const length = byteLength(type, part.columns)
  const column = byteLength(type, part.column)
  for (let r = 0; r < part.rows; r++) {
    const row = permuteRows?.(part.row + r) ?? part.row + r
    out.set(part.bytes.subarray(r * length, (r + 1) * length), row * stride + column)
  }
}

/** Decodes rows `first` to `first + rows` of a part to f32. */
const decodeRows = (part: PartRows, dtype: DType, first: number, rows: number, out: Float32Array) => {
  const start = first * part.columns
  const end = start + rows * part.columns
  decode(dtype, part.bytes.subarray(byteLength(dtype, start), byteLength(dtype, end)), out)
  if (!part.scales) return
  for (let i = 0; i < out.length; i++) {
    out[i] *= part.scales[Math.floor((part.groupOffset + start + i) / part.groupSize)]
  }
}

/** Decodes the elements that the parts have of rows `first` to `last` of the whole tensor. */
const decodeSlice = (
  { dtype, shape }: WholeTensor,
  parts: readonly PartRows[],
  first: number,
  last: number,
  out: Float32Array,
) => {
  const columns = rowLength(shape)
  for (const part of parts) {
    const from = Math.max(first, part.row)
    const to = Math.min(last, part.row + part.rows)
    // Whole rows lie together in the result. The rows of a column shard do not.
    const run = part.columns === columns ? Math.max(1, to - from) : 1
    for (let r = from; r < to; r += run) {
      const at = (r - first) * columns + part.column
      decodeRows(part, elementType(dtype), r - part.row, run, out.subarray(at, at + run * part.columns))
    }
  }
}

/** Encodes rows `first` to `last`, the first of `values`, each to its place in the result. */
const encodeSlice = (
  tensor: WholeTensor,
  dtype: EncodableDType,
  values: Float32Array,
  first: number,
  last: number,
  out: Uint8Array,
) => {
  const columns = rowLength(tensor.shape)
  const stride = byteLength(dtype, columns)
  const run = tensor.permuteRows ? 1 : last - first
  for (let r = first; r < last; r += run) {
    const at = (tensor.permuteRows?.(r) ?? r) * stride
    try {
      const from = (r - first) * columns
      encode(dtype, values.subarray(from, from + run * columns), out.subarray(at, at + run * stride))
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error
      throw new ConversionError(placeOf(tensor), `does not fit: ${error.message}`, { cause: error })
    }
  }
}

/** Converts each chunk: decodes a slice of rows to f32, and encodes it. */
const converter = (
  tensor: WholeTensor,
  dtype: EncodableDType,
  out: Uint8Array<ArrayBuffer>,
  respond: () => Promise<void>,
) => {
  const { rows, columns } = matrixOf(tensor.shape)
  const slice = Math.min(rows, Math.max(1, Math.floor(sliceElements / columns)))
  const direct = dtype === 'f32' && !tensor.permuteRows ? viewOf('f32', out) : undefined
  const scratch = direct ? undefined : new Float32Array(slice * columns)
  return async ({ first: start, last: end, parts }: TensorChunk) => {
    for (let first = start; first < end; first += slice) {
      const last = Math.min(first + slice, end)
      if (direct) decodeSlice(tensor, parts, first, last, direct.subarray(first * columns, last * columns))
      if (scratch) {
        decodeSlice(tensor, parts, first, last, scratch)
        encodeSlice(tensor, dtype, scratch, first, last, out)
      }
      await respond()
    }
  }
}

/** The tensor with its shards joined. Without an axis the shards are copies of the whole, and the first one is taken. */
const join = (stored: StoredTensor, axis: 0 | 1 | undefined): StoredTensor & { readonly axis: 0 | 1 } => {
  if (axis === undefined || stored.parts.length === 1) {
    return { ...stored, parts: stored.parts.slice(0, 1), axis: 0 }
  }
  const shape = stored.shape.map((size, i) => (i === axis ? size * stored.parts.length : size))
  return { ...stored, shape, axis }
}

/** A vector as a matrix of one column, so that its elements are rows. */
const asColumn = <T extends { readonly shape: readonly number[] }>(tensor: T): T =>
  tensor.shape.length === 1 ? { ...tensor, shape: [...tensor.shape, 1] } : tensor

/**
 * Reads a tensor and converts it, chunk by chunk of its source. Besides the result this needs memory for two chunks and
 * one slice of f32. A tensor that needs no conversion is read straight into the result.
 */
export const readStored = async (stored: StoredTensor, options: ReadTensorOptions = {}): Promise<TensorData> => {
  const { permuteRows, shardAxis, signal } = options
  const dtype = options.dtype ?? (stored.dtype === 'i8_grouped' ? 'f32' : stored.dtype)
  const joined = join(stored, shardAxis)
  const { shape } = joined
  checkTarget(joined, dtype)
  const out = allocate(joined, byteLength(dtype, elementCount(shape) ?? 0), options.memory)
  const result = () => ({ dtype, shape, data: viewOf(dtype, out) }) as TensorData
  if (stored.dtype === dtype && joined.parts.length === 1 && !permuteRows) {
    const [{ source, offset }] = joined.parts
    await source.read(offset, out.length, { signal, onBytes: options.onBytes, into: out })
    return result()
  }
  const tensor: WholeTensor = permuteRows
    ? { ...asColumn(joined), parts: joined.parts.map(asColumn), permuteRows }
    : { ...joined, permuteRows }
  const respond = responsive(signal)
  const convert = stored.dtype === dtype ? undefined : converter(tensor, dtype as EncodableDType, out, respond)
  for await (const chunk of readChunks(tensor, options)) {
    if (convert) await convert(chunk)
    else for (const part of chunk.parts) copyRows(tensor, part, out)
    await respond()
  }
  return result()
}
