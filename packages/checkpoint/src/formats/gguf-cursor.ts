import { MalformedFileError } from '../errors'
import {
  type GgufNumberType,
  type GgufValue,
  type GgufValueType,
  numberArrays,
  valueBytes,
  valueTypes,
} from './gguf-types'

/** Thrown inside a parse when the bytes at hand end before the header does: more are read, and it starts again. */
export class MoreBytesNeeded {
  constructor(readonly end: number) {}
}

const maxKeyBytes = 65535
/** The largest vocabularies have 256,000 pieces, and some more merges. */
const maxStrings = 2 ** 20

/** Reads a GGUF header from its first bytes; every length is checked against the file before anything is allocated. */
export class GgufCursor {
  /** The tensor whose entry is being read, for errors. */
  tensor: string | undefined
  private at = 0
  private readonly view: DataView
  // LLaMA's vocabulary has a piece that is a byte order mark alone.
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

  constructor(
    private readonly bytes: Uint8Array,
    private readonly file: string,
    private readonly fileSize: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Bytes read so far. */
  get position(): number {
    return this.at
  }

  refuse(field: string, problem: string): never {
    throw new MalformedFileError({ file: this.file, tensor: this.tensor, field }, problem)
  }

  /** Throws unless `count` things of at least `bytes` each can still be in the file, and are `most` or fewer. */
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
      return this.refuse(field, 'is no valid UTF-8')
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
    if (items === 'array') return this.refuse(field, 'is an array of arrays, which no LLaMA has')
    if (items === 'string') {
      this.checkCount(count, 8, maxStrings, `${field} (length)`)
      const value: string[] = []
      for (let i = 0; i < count; i++) value.push(this.string(`${field}[${i}]`))
      return { type: 'array', items, value }
    }
    this.checkCount(count, valueBytes[items], Infinity, `${field} (length)`)
    // All the bytes must be at hand before room is made for their values.
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
