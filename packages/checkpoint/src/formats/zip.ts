import { MalformedFileError } from '../errors'
import { checkRange, type Source, viewOf } from '../sources/source'

/** A file stored in a zip: its bytes lie in the archive as they are. */
export interface ZipEntry {
  readonly name: string
  readonly offset: number
  readonly size: number
}

const endSignature = 0x06054b50
const end64Signature = 0x06064b50
const locator64Signature = 0x07064b50
const centralSignature = 0x02014b50
const localSignature = 0x04034b50

const endBytes = 22
const locator64Bytes = 20
const end64Bytes = 56
const centralBytes = 46
const localBytes = 30
const maxCommentBytes = 0xffff
/** A state dict of the largest LLaMA has under a thousand entries; these are far above. */
const maxDirectoryBytes = 2 ** 22
const maxEntries = 5000
const zip64Extra = 0x0001

interface Directory {
  readonly offset: number
  readonly size: number
  readonly count: number
}

/** Reads a zip archive in place (PKWARE's APPNOTE 6.3.10): stored entries only, zip64 included. */
class ZipReader {
  constructor(
    private readonly source: Source,
    private readonly signal: AbortSignal | undefined,
  ) {}

  private refuse(field: string, problem: string): never {
    throw new MalformedFileError({ file: this.source.name, field: `zip ${field}` }, problem)
  }

  private async view(offset: number, length: number, what: string): Promise<DataView> {
    checkRange(this.source, offset, length, { field: `zip ${what}` })
    return viewOf(await this.source.read(offset, length, { signal: this.signal }))
  }

  private wide(view: DataView, at: number, field: string): number {
    const value = Number(view.getBigUint64(at, true))
    return Number.isSafeInteger(value) ? value : this.refuse(field, 'is beyond 2^53')
  }

  /** The end record: the last one whose comment reaches exactly to the end of the file. */
  private async directory(): Promise<Directory> {
    const { size } = this.source
    if (size < endBytes)
      this.refuse('end record', 'is missing; the file is cut short, or was saved by torch before 1.6')
    const length = Math.min(size, endBytes + maxCommentBytes)
    const tail = await this.view(size - length, length, 'end record')
    for (let at = length - endBytes; at >= 0; at--) {
      if (tail.getUint32(at, true) !== endSignature) continue
      if (at + endBytes + tail.getUint16(at + 20, true) !== length) continue
      const record = {
        count: tail.getUint16(at + 10, true),
        size: tail.getUint32(at + 12, true),
        offset: tail.getUint32(at + 16, true),
      }
      const needs64 = record.count === 0xffff || record.size === 0xffffffff || record.offset === 0xffffffff
      return needs64 ? this.directory64(size - length + at) : record
    }
    return this.refuse('end record', 'is missing; the file is cut short, or was saved by torch before 1.6')
  }

  private async directory64(end: number): Promise<Directory> {
    const locator = await this.view(end - locator64Bytes, locator64Bytes, 'zip64 locator')
    if (locator.getUint32(0, true) !== locator64Signature) this.refuse('zip64 locator', 'is missing')
    const record = await this.view(this.wide(locator, 8, 'zip64 record'), end64Bytes, 'zip64 record')
    if (record.getUint32(0, true) !== end64Signature) this.refuse('zip64 record', 'is missing')
    return {
      count: this.wide(record, 32, 'entry count'),
      size: this.wide(record, 40, 'directory size'),
      offset: this.wide(record, 48, 'directory offset'),
    }
  }

  /** Sizes and offset that did not fit in 32 bits, in the order of the fields that say so. */
  private wideFields(view: DataView, from: number, to: number, fields: number[], name: string): number[] {
    if (!fields.includes(0xffffffff)) return fields
    for (let at = from; at + 4 <= to; at += 4 + view.getUint16(at + 2, true)) {
      if (view.getUint16(at, true) !== zip64Extra) continue
      let next = at + 4
      const end = Math.min(to, next + view.getUint16(at + 2, true))
      return fields.map(field => {
        if (field !== 0xffffffff) return field
        if (next + 8 > end) return this.refuse(name, 'has a zip64 field that is cut short')
        next += 8
        return this.wide(view, next - 8, name)
      })
    }
    return this.refuse(name, 'lacks its zip64 field')
  }

  /** Where the bytes of an entry begin: after its local header, which must be that of the same file. */
  private async dataOffset(name: string, local: number): Promise<number> {
    const header = await this.view(local, localBytes, `local header of ${name}`)
    if (header.getUint32(0, true) !== localSignature) this.refuse(name, 'has no local header where the directory says')
    const nameBytes = header.getUint16(26, true)
    const localName = await this.view(local + localBytes, nameBytes, `local header of ${name}`)
    if (new TextDecoder().decode(localName) !== name) this.refuse(name, 'has another name in its local header')
    return local + localBytes + nameBytes + header.getUint16(28, true)
  }

  async entries(): Promise<Map<string, ZipEntry>> {
    const directory = await this.directory()
    if (directory.size > maxDirectoryBytes)
      this.refuse('directory', `has ${directory.size} bytes, too many for a checkpoint`)
    const room = Math.min(maxEntries, Math.floor(directory.size / centralBytes))
    if (directory.count > room) this.refuse('entry count', `is ${directory.count}, expected at most ${room}`)
    const view = await this.view(directory.offset, directory.size, 'directory')
    const entries = new Map<string, ZipEntry>()
    let at = 0
    for (let i = 0; i < directory.count; i++) {
      if (at + centralBytes > view.byteLength) this.refuse('directory', `ends before entry ${i}`)
      if (view.getUint32(at, true) !== centralSignature)
        this.refuse('directory', `has no entry ${i} where it should be`)
      const nameBytes = view.getUint16(at + 28, true)
      const extra = at + centralBytes + nameBytes
      const end = extra + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
      if (end > view.byteLength) this.refuse('directory', `ends within entry ${i}`)
      const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + centralBytes, nameBytes))
      if (entries.has(name)) this.refuse(name, 'is in the directory twice')
      if (view.getUint16(at + 8, true) & 1) this.refuse(name, 'is encrypted')
      if (view.getUint16(at + 10, true) !== 0) this.refuse(name, 'is compressed; torch stores its entries as they are')
      const fields = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)]
      const [size, stored, local] = this.wideFields(view, extra, extra + view.getUint16(at + 30, true), fields, name)
      if (size !== stored) this.refuse(name, `has ${size} bytes, but ${stored} stored`)
      const offset = await this.dataOffset(name, local)
      checkRange(this.source, offset, size, { field: `zip entry ${name}` })
      entries.set(name, { name, offset, size })
      at = end
    }
    return entries
  }
}

/** The entries of an archive by name. Throws a `MalformedFileError` for what is damaged, compressed or encrypted. */
export const readZip = (source: Source, signal?: AbortSignal): Promise<Map<string, ZipEntry>> =>
  new ZipReader(source, signal).entries()
