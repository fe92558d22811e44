import { byteLength, type DType, elementCount, rowLength } from '@cria/dtypes'
import type { ReadTensorOptions, StoredDType } from './checkpoint'
import type { StoredPart, StoredTensor } from './stored-model'

/** A tensor whose parts are joined along an axis, and whose rows may be permuted. */
export interface WholeTensor extends StoredTensor {
  readonly axis: 0 | 1
  readonly permuteRows: ((row: number) => number) | undefined
}

/** The type of the stored elements; the scales of `i8_grouped` are apart. */
export const elementType = (dtype: StoredDType): DType => (dtype === 'i8_grouped' ? 'i8' : dtype)

/** Rows of one part, as stored. */
export interface PartRows {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Of `i8_grouped`: the scales, beginning with that of the first element, and the place of that element in its group. */
  readonly scales: Float32Array | undefined
  readonly groupSize: number
  readonly groupOffset: number
  readonly rows: number
  readonly columns: number
  /** The index of the first element in the whole tensor. */
  readonly row: number
  readonly column: number
}

/** Rows `first` to `last` of the whole tensor, from every part that has some of them. */
export interface TensorChunk {
  readonly first: number
  readonly last: number
  readonly parts: readonly PartRows[]
}

/** Rows and columns of a tensor. All axes but the last are rows. */
export const matrixOf = (shape: readonly number[]) => {
  const columns = rowLength(shape)
  return { rows: columns === 0 ? 0 : (elementCount(shape) ?? 0) / columns, columns }
}

interface PlacedPart {
  readonly part: StoredPart
  readonly rows: number
  readonly columns: number
  readonly row: number
  readonly column: number
}

const placeParts = ({ parts, axis }: WholeTensor): PlacedPart[] => {
  let row = 0
  let column = 0
  return parts.map(part => {
    const { rows, columns } = matrixOf(part.shape)
    const placed = { part, rows, columns, row, column }
    if (axis === 1) column += columns
    else row += rows
    return placed
  })
}

/** Memory to read into: one buffer that is reused, and grows if needed. */
class ReusedBuffer {
  private bytes = new Uint8Array(0)

  take(length: number): Uint8Array<ArrayBuffer> {
    if (this.bytes.length < length) this.bytes = new Uint8Array(length)
    return this.bytes.subarray(0, length)
  }
}

const readRows = async (
  { dtype: stored }: WholeTensor,
  { part: { source, offset, scales }, rows, columns, row, column }: PlacedPart,
  first: number,
  last: number,
  buffer: ReusedBuffer,
  { signal, onBytes }: ReadTensorOptions,
): Promise<PartRows | undefined> => {
  const dtype = elementType(stored)
  const from = Math.max(0, first - row)
  const to = Math.min(rows, last - row)
  if (from >= to) return undefined
  const start = from * columns
  const length = byteLength(dtype, (to - from) * columns)
  const into = buffer.take(length)
  const bytes = await source.read(offset + byteLength(dtype, start), length, { signal, onBytes, into })
  const placed = { bytes, rows: to - from, columns, row: row + from, column }
  if (!scales) return { ...placed, scales: undefined, groupSize: 1, groupOffset: 0 }
  const { groupSize } = scales
  const group = Math.floor(start / groupSize)
  const count = Math.ceil((to * columns) / groupSize) - group
  const values = new Float32Array(count)
  await source.read(scales.offset + 4 * group, 4 * count, { signal, onBytes, into: new Uint8Array(values.buffer) })
  return { ...placed, scales: values, groupSize, groupOffset: start % groupSize }
}

/** The tensor in runs of rows. The next run is read while one is converted; a run is valid until the next is asked for. */
export async function* readChunks(tensor: WholeTensor, options: ReadTensorOptions): AsyncGenerator<TensorChunk> {
  const { rows, columns } = matrixOf(tensor.shape)
  const parts = placeParts(tensor)
  const { chunkBytes } = tensor.parts[0].source
  const step = Math.max(1, Math.floor(chunkBytes / Math.max(1, byteLength(elementType(tensor.dtype), columns))))
  const buffers = [0, 1].map(() => parts.map(() => new ReusedBuffer()))
  const readChunk = async (first: number): Promise<TensorChunk> => {
    const last = Math.min(first + step, rows)
    const into = buffers[(first / step) % 2]
    const read = parts.map((part, index) => readRows(tensor, part, first, last, into[index], options))
    return { first, last, parts: (await Promise.all(read)).filter(part => part !== undefined) }
  }
  let next: Promise<TensorChunk> | undefined = readChunk(0)
  for (let first = 0; first < rows; first += step) {
    const chunk: TensorChunk = await (next as Promise<TensorChunk>)
    next = first + step < rows ? readChunk(first + step) : undefined
    // If the caller stops early, nobody awaits this read, so its error must not become an unhandled rejection.
    next?.catch(() => {})
    yield chunk
  }
}
