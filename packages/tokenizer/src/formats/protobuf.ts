// The wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding): as much of it as a
// SentencePiece model has. This package has its own codec because every length can be hostile here, and a library would be larger than the rest.
import { TokenizerFormatError } from '../errors'

const varintType = 0
const fixed64Type = 1
const delimitedType = 2
const fixed32Type = 5

/** One field of a message in the file. */
export class Field {
  constructor(
    readonly number: number,
    /** The field whole, tag and all. */
    readonly raw: Uint8Array,
    private readonly fail: (problem: string) => TokenizerFormatError,
    private readonly wireType: number,
    private readonly payload: Uint8Array,
  ) {}

  /** @throws {TokenizerFormatError} where the field holds no bytes */
  bytes(): Uint8Array {
    return this.expect(delimitedType)
  }

  /** @throws {TokenizerFormatError} where the field holds no text in UTF-8 */
  string(): string {
    const bytes = this.expect(delimitedType)
    utf8 ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    try {
      return utf8.decode(bytes)
    } catch (cause) {
      throw this.fail(`field ${this.number} is not valid UTF-8: ${(cause as Error).message}`)
    }
  }

  /** @throws {TokenizerFormatError} where the field holds no four bytes */
  float(): number {
    const { buffer, byteOffset } = this.expect(fixed32Type)
    return new DataView(buffer, byteOffset).getFloat32(0, true)
  }

  /** @throws {TokenizerFormatError} where the field holds no integer */
  int32(): number {
    let value = 0
    // Bits beyond the 32nd are sign.
    for (const [i, byte] of this.expect(varintType).subarray(0, 5).entries()) value |= (byte & 0x7f) << (7 * i)
    return value
  }

  /** @throws {TokenizerFormatError} where the field holds no integer */
  bool(): boolean {
    return this.int32() !== 0
  }

  private expect(wireType: number): Uint8Array {
    if (this.wireType === wireType) return this.payload
    throw this.fail(`field ${this.number} has wire type ${this.wireType}, expected ${wireType}`)
  }
}

let utf8: TextDecoder | undefined

/**
 * The fields of a message, in the order in which they stand.
 *
 * @throws {TokenizerFormatError} naming `file` and `where` for bytes that are not such a message
 */
export function* readMessage(file: string, where: string, bytes: Uint8Array): Iterable<Field> {
  const fail = (problem: string) => new TokenizerFormatError(file, `${where}: ${problem}`)
  const broken = (problem: string) => fail(`not valid protobuf, ${problem}`)
  let at = 0
  /** Reads an unsigned number, exact up to 2⁵³, of at most ten bytes. */
  const varint = (): number => {
    let value = 0
    for (let i = 0; i < 10; i++) {
      if (at >= bytes.length) throw broken('ends within a number')
      const byte = bytes[at++]
      value += (byte & 0x7f) * 128 ** i
      if (byte < 0x80) return value
    }
    throw broken(`has a number of more than ten bytes before byte ${at}`)
  }
  while (at < bytes.length) {
    const start = at
    const tag = varint()
    const number = Math.floor(tag / 8)
    if (number === 0 || number >= 2 ** 29) throw broken(`has field number ${number}`)
    const wireType = tag % 8
    let valueStart = at
    let length = 0
    if (wireType === varintType) varint()
    else if (wireType === delimitedType) {
      length = varint()
      valueStart = at
    } else if (wireType === fixed32Type) length = 4
    else if (wireType === fixed64Type) length = 8
    else throw broken(`field ${number} has wire type ${wireType}`)
    if (length > bytes.length - at)
      throw broken(`field ${number} claims ${length} bytes, ${bytes.length - at} are left`)
    at += length
    yield new Field(number, bytes.subarray(start, at), fail, wireType, bytes.subarray(valueStart, at))
  }
}

/** The bytes of a field with an integer from 0 to 2³¹ - 1. */
export const integerField = (number: number, value: number) =>
  Uint8Array.from([...varintOf(number * 8 + varintType), ...varintOf(value)])

export function floatField(number: number, value: number): Uint8Array {
  const field = Uint8Array.from([...varintOf(number * 8 + fixed32Type), 0, 0, 0, 0])
  new DataView(field.buffer).setFloat32(field.length - 4, value, true)
  return field
}

export const delimitedField = (number: number, value: Uint8Array) =>
  concatenate([Uint8Array.from([...varintOf(number * 8 + delimitedType), ...varintOf(value.length)]), value])

export const stringField = (number: number, value: string) => delimitedField(number, new TextEncoder().encode(value))

const varintOf = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varintOf(value >>> 7)])

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
