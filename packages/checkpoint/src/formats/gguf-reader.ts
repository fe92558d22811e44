import { byteLength, type DType, dtypes, elementCount, rowLength } from '@cria/dtypes'
import { MalformedFileError, SourceError, UnsupportedModelError } from '../errors'
import { baseName, checkRange, type Source } from '../sources/source'
import type { StoredModel, StoredTensor } from '../stored-model'
import {
  defaultAlignment,
  GgufCursor,
  type GgufFields,
  type GgufMetadata,
  type GgufValue,
  ggufFields,
  ggufMagic,
  MoreBytesNeeded,
} from './gguf-metadata'
import { type GgufVocabulary, vocabularyOf } from './gguf-vocabulary'

/** Bytes that are read first: enough for metadata with a vocabulary of 32,000 pieces. */
const firstBytes = 2 ** 20
/** No header of a model is longer: a vocabulary of 256,000 pieces takes about 12 MB. */
const maxHeaderBytes = 32 * 2 ** 20
/** A model of 1000 layers has about 9000 tensors; models have about 30 keys. */
const maxTensors = 20_000
const maxEntries = 10_000
const maxDimensions = 4
const maxAlignment = 2 ** 20

/** The fewest bytes of an entry: a key of one byte, a type, a value of one byte; or a name, dimensions, type, offset. */
const leastMetadataBytes = 8 + 1 + 4 + 1
const leastTensorBytes = 8 + 1 + 4 + 8 + 4 + 8

/** Tensor types by their number in GGUF files (`ggml_type`). */
const tensorTypes: ReadonlyMap<number, DType> = new Map(
  (Object.keys(dtypes) as DType[]).flatMap(dtype => {
    const { ggufId } = dtypes[dtype]
    return ggufId === undefined ? [] : [[ggufId, dtype] as const]
  }),
)

/** Types that llama.cpp reads and Cria does not. */
const unread: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  21: 'IQ3_S',
  22: 'IQ2_S',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
  40: 'NVFP4',
  41: 'Q1_0',
}

/** Types that llama.cpp removed, and what replaced them. */
const retired: Readonly<Record<number, string>> = {
  4: 'Q4_2',
  5: 'Q4_3',
  31: 'Q4_0_4_4',
  32: 'Q4_0_4_8',
  33: 'Q4_0_8_8',
  36: 'IQ4_NL_4_4',
  37: 'IQ4_NL_4_8',
  38: 'IQ4_NL_8_8',
}

/** What the error says about a type that exists but is not read; undefined for a number that is not a type. */
const unreadTypeProblem = (number: number): string | undefined => {
  const known = [...tensorTypes.values()].map(type => type.toUpperCase()).join(', ')
  if (number in unread) return `is ${unread[number]}, expected one of ${known}`
  if (!(number in retired)) return undefined
  const replacement = number >= 36 ? 'IQ4_NL' : 'Q4_0'
  return `is ${retired[number]}, which llama.cpp has retired; get the ${replacement} file of the same model`
}

interface GgufTensor {
  readonly dtype: DType
  /** Outermost axis first, the reverse of the order in the file. */
  readonly shape: readonly number[]
  /** Where its bytes begin in the file. */
  readonly offset: number
}

interface GgufHeader {
  readonly version: number
  readonly metadata: GgufMetadata
  readonly tensors: ReadonlyMap<string, GgufTensor>
}

const readVersion = (cursor: GgufCursor, file: string): number => {
  if (cursor.number('u32', 'magic') !== ggufMagic) cursor.refuse('magic', 'is not GGUF')
  const version = cursor.number('u32', 'version')
  if (version === 2 || version === 3) return version
  const bigEndian = (version & 0xffff) === 0 && version !== 0
  throw new UnsupportedModelError(
    { file, field: 'version' },
    bigEndian ? 'is big-endian; convert the file to little-endian' : `is ${version}, expected 2 or 3`,
  )
}

const readMetadata = (cursor: GgufCursor, count: number): Map<string, GgufValue> => {
  cursor.checkCount(count, leastMetadataBytes, maxEntries, 'metadata_kv_count')
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < count; i++) {
    const key = cursor.key(`metadata key ${i}`)
    if (metadata.has(key)) cursor.refuse(key, 'is in the metadata twice')
    metadata.set(key, cursor.value(key))
  }
  return metadata
}

const readAlignment = (metadata: GgufMetadata, cursor: GgufCursor): number => {
  const entry = metadata.get('general.alignment')
  if (!entry) return defaultAlignment
  const { type, value } = entry
  const whole = type === 'u32' && value > 0 && value <= maxAlignment && (value & (value - 1)) === 0
  return whole ? value : cursor.refuse('general.alignment', `is ${value} (${type}), expected a power of two as u32`)
}

const readShape = (cursor: GgufCursor): number[] => {
  const dimensions = cursor.number('u32', 'n_dimensions')
  if (dimensions < 1 || dimensions > maxDimensions) {
    cursor.refuse('n_dimensions', `is ${dimensions}, expected 1 to ${maxDimensions}`)
  }
  const shape: number[] = []
  for (let axis = 0; axis < dimensions; axis++) {
    const size = cursor.number('u64', `dimension ${axis}`)
    if (size < 1) cursor.refuse(`dimension ${axis}`, 'is 0, expected 1 or more')
    shape.unshift(size)
  }
  return shape
}

const readDType = (cursor: GgufCursor, file: string, tensor: string): DType => {
  const number = cursor.number('u32', 'type')
  const dtype = tensorTypes.get(number)
  if (dtype) return dtype
  const place = { file, tensor, field: 'type' }
  const problem = unreadTypeProblem(number)
  if (problem) throw new UnsupportedModelError(place, problem)
  throw new MalformedFileError(place, `is ${number}, which is not a tensor type of GGUF`)
}

type UnplacedTensor = GgufTensor & { readonly bytes: number }

/** The list of tensors; their offsets still count from the start of the data. */
const readTensors = (
  cursor: GgufCursor,
  count: number,
  file: string,
  alignment: number,
): Map<string, UnplacedTensor> => {
  cursor.checkCount(count, leastTensorBytes, maxTensors, 'tensor_count')
  const tensors = new Map<string, UnplacedTensor>()
  for (let i = 0; i < count; i++) {
    cursor.tensor = undefined
    const tensor = cursor.key(`tensor name ${i}`)
    cursor.tensor = tensor
    if (tensors.has(tensor)) cursor.refuse('name', 'is given to two tensors')
    const shape = readShape(cursor)
    const dtype = readDType(cursor, file, tensor)
    const offset = cursor.number('u64', 'offset')
    if (offset % alignment !== 0) cursor.refuse('offset', `is ${offset}, expected a multiple of ${alignment}`)
    const { blockElements } = dtypes[dtype]
    const row = rowLength(shape)
    if (row % blockElements !== 0) {
      cursor.refuse('dimensions', `have rows of ${row}, expected a multiple of ${blockElements} for ${dtype}`)
    }
    const elements = elementCount(shape)
    const bytes = elements === undefined ? Infinity : byteLength(dtype, elements)
    if (!Number.isSafeInteger(bytes)) cursor.refuse('dimensions', `[${shape}] have more than 2^53 bytes`)
    tensors.set(tensor, { dtype, shape, offset, bytes })
  }
  return tensors
}

const checkOverlaps = (tensors: ReadonlyMap<string, UnplacedTensor>, file: string) => {
  let end = 0
  for (const [tensor, { offset, bytes }] of [...tensors].sort(([, a], [, b]) => a.offset - b.offset)) {
    if (offset < end) throw new MalformedFileError({ file, tensor, field: 'offset' }, 'overlaps the tensor before it')
    end = offset + bytes
  }
}

const parse = (bytes: Uint8Array, source: Source): GgufHeader => {
  const file = source.name
  const cursor = new GgufCursor(bytes, file, source.size)
  const version = readVersion(cursor, file)
  const tensorCount = cursor.number('u64', 'tensor_count')
  const metadata = readMetadata(cursor, cursor.number('u64', 'metadata_kv_count'))
  const alignment = readAlignment(metadata, cursor)
  const unplaced = readTensors(cursor, tensorCount, file, alignment)
  checkOverlaps(unplaced, file)
  const base = Math.ceil(cursor.position / alignment) * alignment
  const tensors = new Map<string, GgufTensor>()
  for (const [name, { dtype, shape, offset, bytes }] of unplaced) {
    checkRange(source, base + offset, bytes, { tensor: name, field: 'offset' })
    tensors.set(name, { dtype, shape, offset: base + offset })
  }
  return { version, metadata, tensors }
}

/**
 * Reads the header of a GGUF file, version 2 or 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
 * Throws a `MalformedFileError` or `UnsupportedModelError` that names the tensor and field.
 */
const readGgufHeader = async (source: Source, signal?: AbortSignal): Promise<GgufHeader> => {
  const limit = Math.min(source.size, maxHeaderBytes)
  for (let length = Math.min(limit, firstBytes); ; ) {
    const bytes = await source.read(0, length, { signal })
    try {
      return parse(bytes, source)
    } catch (error) {
      if (!(error instanceof MoreBytesNeeded)) throw error
      if (error.end > limit) {
        throw new MalformedFileError({ file: source.name, field: 'header' }, `is longer than ${maxHeaderBytes} bytes`)
      }
      length = Math.min(limit, Math.max(error.end, 2 * length))
    }
  }
}

interface Part {
  readonly source: Source
  readonly header: GgufHeader
  readonly fields: GgufFields
}

/** A split model's parts in order, the first with the metadata. Throws unless all are here, each once. */
const orderParts = (parts: readonly Part[]): readonly Part[] => {
  const [{ source, fields }] = parts
  const place = { file: source.name, field: 'split.count' }
  const count = fields.number('split.count') ?? 1
  if (count !== parts.length) {
    throw new SourceError(place, `is ${count}, but ${parts.length} of the parts were given; keep all parts together`)
  }
  const ordered: Part[] = []
  for (const part of parts) {
    const number = count === 1 ? 0 : part.fields.need('split.no')
    if (
      (part.fields.number('split.count') ?? 1) === count &&
      Number.isInteger(number) &&
      number >= 0 &&
      number < count
    ) {
      if (ordered[number] === undefined) {
        ordered[number] = part
        continue
      }
    }
    throw new MalformedFileError(
      { file: part.source.name, field: 'split.no' },
      `is ${number}, which does not make it one of ${count} parts of the model of ${baseName(source.name)}`,
    )
  }
  return ordered
}

/** Reads a GGUF file, or the parts of a split one in any order. */
export const readGguf = async (sources: readonly Source[], signal?: AbortSignal): Promise<StoredModel> => {
  const parts: Part[] = []
  for (const source of sources) {
    const header = await readGgufHeader(source, signal)
    parts.push({ source, header, fields: ggufFields(header.metadata, source.name) })
  }
  const ordered = orderParts(parts)
  const tensors = new Map<string, StoredTensor>()
  for (const { source, header } of ordered) {
    for (const [name, { dtype, shape, offset }] of header.tensors) {
      if (tensors.has(name)) {
        throw new MalformedFileError({ file: source.name, tensor: name }, 'is also in another part of the model')
      }
      tensors.set(name, { name, shape, dtype, parts: [{ source, offset, shape }] })
    }
  }
  const [{ source, header }] = ordered
  return {
    format: `GGUF v${header.version}`,
    name: source.name,
    metadata: { kind: 'gguf', file: source.name, entries: header.metadata },
    tensors,
    vocabulary: vocabularyOf(header.metadata, source.name),
  }
}

/**
 * The tokenizer inside a GGUF file, which need not hold a model; undefined if it has none.
 * @throws MalformedFileError @throws UnsupportedModelError
 */
export const readGgufVocabulary = async (source: Source, signal?: AbortSignal): Promise<GgufVocabulary | undefined> =>
  vocabularyOf((await readGgufHeader(source, signal)).metadata, source.name)
