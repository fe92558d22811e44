import { MalformedFileError } from '../errors'
import { viewOf } from '../sources/source'

/** `GGUF`, in the order of its bytes. */
export const ggufMagic = 0x46554747

/** Data, and each tensor in it, begins at a multiple of this unless `general.alignment` says otherwise. */
export const defaultAlignment = 32

/** Metadata value types by number (GGUF specification, `gguf_metadata_value_type`). */
export const valueTypes = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const

export type GgufValueType = (typeof valueTypes)[number]
export type GgufNumberType = Exclude<GgufValueType, 'bool' | 'string' | 'array'>

/** Numbers in the smallest array that holds them: f64 stands for 64-bit integers too, which are refused past 2^53. */
export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array

export const numberArrays: Readonly<Record<GgufNumberType | 'bool', new (length: number) => NumberArray>> = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  bool: Uint8Array,
  u64: Float64Array,
  i64: Float64Array,
  f64: Float64Array,
}

/** A metadata value. Integers past 2^53 are refused on reading. */
export type GgufValue =
  | { readonly type: GgufNumberType; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'array'; readonly items: GgufNumberType | 'bool'; readonly value: NumberArray }
  | { readonly type: 'array'; readonly items: 'string'; readonly value: readonly string[] }

export type GgufMetadata = ReadonlyMap<string, GgufValue>
export type GgufEntry = readonly [key: string, value: GgufValue]

/** Bytes of the types with a fixed size. */
export const valueBytes: Readonly<Record<GgufNumberType | 'bool', number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
}

/** Thrown by a parse if the header is longer than the bytes read so far. The parse then starts again with more bytes. */
export class MoreBytesNeeded {
  constructor(readonly end: number) {}
}

const maxKeyBytes = 65535
/** The largest vocabularies have 256,000 pieces and a larger number of merges. */
const maxStrings = 2 ** 20

/** Reads a GGUF header from its first bytes; every length is checked against the file before anything is allocated. */
export class GgufCursor {
  /** The tensor whose entry is being read, for errors. */
  tensor: string | undefined
  private at = 0
  private readonly view: DataView
  // One piece of LLaMA's vocabulary is just a byte order mark.
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

  constructor(
    private readonly bytes: Uint8Array,
    private readonly file: string,
    private readonly fileSize: number,
  ) {
    this.view = viewOf(bytes)
  }

  /** Bytes read so far. */
  get position(): number {
    return this.at
  }

  refuse(field: string, problem: string): never {
    throw new MalformedFileError({ file: this.file, tensor: this.tensor, field }, problem)
  }

  /** Throws unless `count` items of at least `bytes` each fit in the rest of the file, and are at most `most`. */
  checkCount(count: number, bytes: number, most: number, field: string): void {
    if (count > most) this.refuse(field, `is ${count}, expected at most ${most}`)
    const room = Math.floor((this.fileSize - this.at) / bytes)
    if (count > room) this.refuse(field, `is ${count}, but the rest of the file has room for ${room} at most`)
  }

  /** Moves past `length` bytes and returns where they begin. */
  private take(length: number, field: string): number {
    const start = this.at
    if (start + length > this.fileSize) {
      this.refuse(
        field,
        `would end at byte ${start + length}, but the file has ${this.fileSize}; it is cut short or damaged`,
      )
    }
    if (start + length > this.bytes.length) throw new MoreBytesNeeded(start + length)
    this.at = start + length
    return start
  }

  number(type: GgufNumberType, field: string): number {
    const at = this.take(valueBytes[type], field)
    const view = this.view
    if (type === 'u8') return view.getUint8(at)
    if (type === 'i8') return view.getInt8(at)
    if (type === 'u16') return view.getUint16(at, true)
    if (type === 'i16') return view.getInt16(at, true)
    if (type === 'u32') return view.getUint32(at, true)
    if (type === 'i32') return view.getInt32(at, true)
    if (type === 'f32') return view.getFloat32(at, true)
    if (type === 'f64') return view.getFloat64(at, true)
    const wide = type === 'u64' ? view.getBigUint64(at, true) : view.getBigInt64(at, true)
    const value = Number(wide)
    if (!Number.isSafeInteger(value)) this.refuse(field, `is ${wide}, beyond 2^53`)
    return value
  }

  boolean(field: string): boolean {
    const byte = this.number('u8', field)
    if (byte > 1) this.refuse(field, `is ${byte}, expected a boolean of 0 or 1`)
    return byte === 1
  }

  string(field: string, maxBytes = this.fileSize): string {
    const length = this.number('u64', field)
    if (length > maxBytes) this.refuse(field, `has ${length} bytes, expected at most ${maxBytes}`)
    const at = this.take(length, field)
    try {
      return this.utf8.decode(this.bytes.subarray(at, at + length))
    } catch {
      return this.refuse(field, 'is not valid UTF-8')
    }
  }

  key(field: string): string {
    const key = this.string(field, maxKeyBytes)
    if (key.length === 0) this.refuse(field, 'is empty')
    return key
  }

  private valueType(field: string): GgufValueType {
    const number = this.number('u32', field)
    return valueTypes[number] ?? this.refuse(field, `has value type ${number}, expected 0 to ${valueTypes.length - 1}`)
  }

  private array(field: string): GgufValue {
    const items = this.valueType(field)
    const count = this.number('u64', `${field} (length)`)
    if (items === 'array') return this.refuse(field, 'is an array of arrays, which is not supported')
    if (items === 'string') {
      this.checkCount(count, 8, maxStrings, `${field} (length)`)
      const value: string[] = []
      for (let i = 0; i < count; i++) value.push(this.string(`${field}[${i}]`))
      return { type: 'array', items, value }
    }
    this.checkCount(count, valueBytes[items], Infinity, `${field} (length)`)
    // All bytes must be here before memory is allocated for their values.
    const start = this.take(count * valueBytes[items], field)
    this.at = start
    const value = new numberArrays[items](count)
    for (let i = 0; i < count; i++) value[i] = items === 'bool' ? +this.boolean(field) : this.number(items, field)
    return { type: 'array', items, value }
  }

  value(field: string): GgufValue {
    const type = this.valueType(field)
    if (type === 'array') return this.array(field)
    if (type === 'string') return { type, value: this.string(field) }
    if (type === 'bool') return { type, value: this.boolean(field) }
    return { type, value: this.number(type, field) }
  }
}

/** The shortest decimal that rounds to this f32: 1e-5 instead of 9.999999747378752e-6. */
const shortestF32 = (value: number): number => {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}

/**
 * Typed access to metadata.
 * @throws MalformedFileError, from each function, that names a key that is missing or has another type
 */
export const ggufFields = (metadata: GgufMetadata, file: string) => {
  const refuse = (field: string, found: GgufValue | undefined, expected: string): never => {
    const problem = found ? `is of type ${found.type}` : 'is missing'
    throw new MalformedFileError({ file, field }, `${problem}, expected ${expected}`)
  }
  const maybe = {
    number(key: string): number | undefined {
      const found = metadata.get(key)
      if (!found) return undefined
      if (typeof found.value !== 'number') return refuse(key, found, 'a number')
      return found.type === 'f32' ? shortestF32(found.value) : found.value
    },
    string(key: string): string | undefined {
      const found = metadata.get(key)
      return !found || found.type === 'string' ? found?.value : refuse(key, found, 'a string')
    },
    boolean(key: string): boolean | undefined {
      const found = metadata.get(key)
      return !found || found.type === 'bool' ? found?.value : refuse(key, found, 'a boolean')
    },
    strings(key: string): readonly string[] | undefined {
      const found = metadata.get(key)
      return !found || (found.type === 'array' && found.items === 'string')
        ? found?.value
        : refuse(key, found, 'an array of strings')
    },
    numbers(key: string): NumberArray | undefined {
      const found = metadata.get(key)
      return !found || (found.type === 'array' && found.items !== 'string')
        ? found?.value
        : refuse(key, found, 'an array of numbers')
    },
  }
  return { ...maybe, need: (key: string): number => maybe.number(key) ?? refuse(key, undefined, 'a number') }
}

export type GgufFields = ReturnType<typeof ggufFields>
