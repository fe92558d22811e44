import { type GgufNumberType, type GgufValue, valueBytes, valueTypes } from './gguf-metadata'

/** Writes what a `GgufCursor` reads, into a buffer that grows. */
export class GgufOutput {
  private bytes = new Uint8Array(1 << 16)
  private view = new DataView(this.bytes.buffer)
  private length = 0

  private grow(length: number): number {
    const at = this.length
    this.length += length
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, 2 * this.bytes.length))
      larger.set(this.bytes)
      this.bytes = larger
      this.view = new DataView(larger.buffer)
    }
    return at
  }

  number(type: GgufNumberType, value: number): void {
    const at = this.grow(valueBytes[type])
    if (type === 'u8') this.view.setUint8(at, value)
    else if (type === 'i8') this.view.setInt8(at, value)
    else if (type === 'u16') this.view.setUint16(at, value, true)
    else if (type === 'i16') this.view.setInt16(at, value, true)
    else if (type === 'u32') this.view.setUint32(at, value, true)
    else if (type === 'i32') this.view.setInt32(at, value, true)
    else if (type === 'f32') this.view.setFloat32(at, value, true)
    else if (type === 'f64') this.view.setFloat64(at, value, true)
    else this.view.setBigInt64(at, BigInt(value), true)
  }

  string(text: string): void {
    const utf8 = new TextEncoder().encode(text)
    this.number('u64', utf8.length)
    const at = this.grow(utf8.length)
    this.bytes.set(utf8, at)
  }

  value(value: GgufValue): void {
    this.number('u32', valueTypes.indexOf(value.type))
    if (value.type === 'string') this.string(value.value)
    else if (value.type === 'bool') this.number('u8', +value.value)
    else if (value.type === 'array') this.array(value)
    else this.number(value.type, value.value)
  }

  private array(array: Extract<GgufValue, { type: 'array' }>): void {
    this.number('u32', valueTypes.indexOf(array.items))
    this.number('u64', array.value.length)
    if (array.items === 'string') for (const text of array.value) this.string(text)
    else for (const item of array.value) this.number(array.items === 'bool' ? 'u8' : array.items, item)
  }

  /** The bytes so far, zero-padded to a multiple of `alignment`. */
  padded(alignment: number): Uint8Array<ArrayBuffer> {
    const length = Math.ceil(this.length / alignment) * alignment
    this.grow(length - this.length)
    return this.bytes.slice(0, length)
  }
}
