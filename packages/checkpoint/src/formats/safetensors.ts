import { byteLength, type DType, elementCount } from '@cria/dtypes'
import { ConversionError, MalformedFileError, UnsupportedModelError } from '../errors'
import type { OutputFile, OutputTensor } from '../output-file'
import { checkRange, type ReadBytesOptions, type Source, viewOf } from '../sources/source'
import { isObject, maxJsonBytes, parseJsonObject } from './json'

const dtypes: Readonly<Record<string, DType>> = {
  F64: 'f64',
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  I64: 'i64',
  I32: 'i32',
  I16: 'i16',
  I8: 'i8',
  U64: 'u64',
  U32: 'u32',
  U16: 'u16',
  U8: 'u8',
  BOOL: 'bool',
}

export interface SafetensorsEntry {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Where its bytes begin in the file. */
  readonly offset: number
  readonly byteLength: number
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>
  readonly metadata: ReadonlyMap<string, string>
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const readMetadata = (value: unknown, file: string): Map<string, string> => {
  const field = '__metadata__'
  if (!isObject(value)) throw new MalformedFileError({ file, field }, 'is not an object of strings')
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw new MalformedFileError({ file, field: `${field}.${key}` }, 'is not a string')
  }
  return new Map(Object.entries(value as Record<string, string>))
}

/** One header entry; `base` is where data begins. Its range is checked against its shape and the data's end. */
const readEntry = (tensor: string, value: unknown, base: number, source: Source): SafetensorsEntry => {
  const refuse = (field: string, problem: string): never => {
    throw new MalformedFileError({ file: source.name, tensor, field }, problem)
  }
  if (!isObject(value)) throw new MalformedFileError({ file: source.name, tensor }, 'has no object in the header')
  for (const key of Object.keys(value)) {
    if (!['dtype', 'shape', 'data_offsets'].includes(key)) refuse(key, 'is not a field of a safetensors entry')
  }
  const { dtype: dtypeName, shape, data_offsets: offsets } = value
  if (typeof dtypeName !== 'string') return refuse('dtype', 'is not a string')
  if (!Object.hasOwn(dtypes, dtypeName)) {
    throw new UnsupportedModelError(
      { file: source.name, tensor, field: 'dtype' },
      `is ${dtypeName}, expected one of ${Object.keys(dtypes).join(', ')}`,
    )
  }
  const dtype = dtypes[dtypeName]
  if (!Array.isArray(shape) || !shape.every(isCount))
    return refuse('shape', 'is not a list of whole numbers of 0 or more')
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return refuse('data_offsets', 'is not a pair of whole numbers of 0 or more')
  }
  const [begin, end] = offsets
  const elements = elementCount(shape)
  if (elements === undefined || !Number.isSafeInteger(byteLength(dtype, elements))) {
    return refuse('shape', `[${shape}] has more than 2^53 bytes`)
  }
  if (begin > end) refuse('data_offsets', `[${begin}, ${end}] end before they begin`)
  if (end - begin !== byteLength(dtype, elements)) {
    refuse(
      'data_offsets',
      `span ${end - begin} bytes, expected ${byteLength(dtype, elements)} for [${shape}] ${dtypeName}`,
    )
  }
  checkRange(source, base + begin, end - begin, { tensor, field: 'data_offsets' })
  return { dtype, shape, offset: base + begin, byteLength: end - begin }
}

/** The tensors must fill the file from `base` to its end, with neither holes nor overlaps, as the format demands. */
const checkCoverage = (tensors: ReadonlyMap<string, SafetensorsEntry>, base: number, source: Source) => {
  let at = base
  for (const [tensor, entry] of [...tensors].sort(
    ([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength,
  )) {
    if (entry.offset !== at) {
      const what =
        entry.offset < at ? 'overlaps the tensor before it' : `leaves a hole of ${entry.offset - at} bytes before it`
      throw new MalformedFileError({ file: source.name, tensor, field: 'data_offsets' }, what)
    }
    at += entry.byteLength
  }
  if (at !== source.size) {
    throw new MalformedFileError({ file: source.name }, `has ${source.size - at} bytes after its last tensor`)
  }
}

/**
 * Reads the header of a safetensors file (https://github.com/huggingface/safetensors#format): a u64 length, JSON, data.
 * The format allows 100 MB of JSON; a quarter of that is read, and 250,000 items, far more than any model has.
 * Throws a `MalformedFileError` that names the tensor and field of the first rule that the file breaks.
 */
export const readSafetensorsHeader = async (source: Source, options?: ReadBytesOptions): Promise<SafetensorsHeader> => {
  const file = source.name
  checkRange(source, 0, 8, { field: 'length of the header' })
  const length = viewOf(await source.read(0, 8, options)).getBigUint64(0, true)
  if (length > BigInt(maxJsonBytes)) {
    throw new MalformedFileError({ file, field: 'header' }, `claims ${length} bytes, expected at most ${maxJsonBytes}`)
  }
  checkRange(source, 8, Number(length), { field: 'header' })
  const base = 8 + Number(length)
  const bytes = await source.read(8, Number(length), options)
  if (bytes[0] !== 0x7b) throw new MalformedFileError({ file, field: 'header' }, 'does not begin with "{"')
  const { __metadata__, ...entries } = parseJsonObject(bytes, { file, field: 'header' })
  const metadata = __metadata__ === undefined ? new Map<string, string>() : readMetadata(__metadata__, file)
  const tensors = new Map(
    Object.entries(entries).map(([name, value]) => [name, readEntry(name, value, base, source)] as const),
  )
  checkCoverage(tensors, base, source)
  return { tensors, metadata }
}

/**
 * A safetensors file of these tensors in this order. Data begins at a multiple of 8 bytes.
 * @throws ConversionError for a type that safetensors does not have
 */
export const writeSafetensors = (
  name: string,
  tensors: readonly OutputTensor[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): OutputFile => {
  const header: Record<string, unknown> = { __metadata__: metadata }
  let at = 0
  for (const tensor of tensors) {
    const stored = Object.keys(dtypes).find(key => dtypes[key] === tensor.dtype)
    if (stored === undefined) {
      throw new ConversionError(
        { file: name, tensor: tensor.name },
        `is ${tensor.dtype}, which safetensors does not have; write a GGUF file`,
      )
    }
    const end = at + byteLength(tensor.dtype, elementCount(tensor.shape) ?? 0)
    header[tensor.name] = { dtype: stored, shape: tensor.shape, data_offsets: [at, end] }
    at = end
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const padded = Math.ceil(json.length / 8) * 8
  const head = new Uint8Array(8 + padded).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true)
  head.set(json, 8)
  return {
    name,
    size: head.length + at,
    async *chunks({ signal } = {}) {
      yield head.slice()
      for (const tensor of tensors) yield await tensor.bytes({ signal })
    },
  }
}
