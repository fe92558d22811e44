/** The largest window that is decompressed, as in the command `zstd` without `--long`. */
const maxWindow = 128 * 2 ** 20

type Step = 'header' | 'block' | 'content'

/**
 * Follows the frames of zstd data (RFC 8878) as its bytes pass, and stops at a frame that asks for a window of over 128 MiB or
 * for a dictionary, before a decompressor allocates memory for it. Bytes are held back until their header is complete.
 */
export class ZstdFrames {
  private step: Step = 'header'
  /** Bytes of a header that is not complete. */
  private held = new Uint8Array(0)
  /** Bytes of content that may pass. */
  private content = 0
  private hasChecksum = false
  private lastBlock = false
  private skipping = false

  /**
   * @returns the bytes that may pass
   * @throws Error if a frame is malformed or asks for too much
   */
  push(piece: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(this.held.length + piece.length)
    bytes.set(this.held)
    bytes.set(piece, this.held.length)
    let at = 0
    for (;;) {
      if (this.step === 'content') {
        const passed = Math.min(this.content, bytes.length - at)
        at += passed
        this.content -= passed
        if (this.content > 0) break
        this.step = this.skipping || this.lastBlock ? 'header' : 'block'
      }
      const size = this.step === 'header' ? this.header(bytes, at) : this.block(bytes, at)
      if (size === undefined) break
      at += size
    }
    this.held = bytes.slice(at)
    return bytes.subarray(0, at)
  }

  /**
   * No more bytes come.
   *
   * @returns the bytes held back
   * @throws Error if they are the start of a frame
   */
  end(): Uint8Array {
    if (this.step !== 'header' || this.held.length > 0) throw new Error('the last frame is not complete')
    return this.held
  }

  /** Bytes of the frame's header; undefined if it is not complete. */
  private header(bytes: Uint8Array, at: number): number | undefined {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at)
    if (view.byteLength < 8) return undefined
    const magic = view.getUint32(0, true)
    this.skipping = magic >>> 4 === 0x184d2a5
    if (this.skipping) {
      this.step = 'content'
      this.content = view.getUint32(4, true)
      return 8
    }
    if (magic !== 0xfd2fb528) throw new Error('a frame does not start with the magic number of zstd')
    const descriptor = view.getUint8(4)
    if ((descriptor & 3) !== 0) throw new Error('a frame needs a dictionary')
    const size = headerSize(descriptor)
    if (view.byteLength < size) return undefined
    const window = (descriptor & 0x20) === 0 ? windowSize(view.getUint8(5)) : contentSize(view, descriptor, size)
    if (window > maxWindow) throw new Error(`a frame needs a window of ${window} bytes, more than ${maxWindow}`)
    this.hasChecksum = (descriptor & 4) !== 0
    this.lastBlock = false
    this.step = 'block'
    return size
  }

  /** Bytes of the block's header; undefined if it is not complete. */
  private block(bytes: Uint8Array, at: number): number | undefined {
    if (bytes.length - at < 3) return undefined
    const header = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)
    this.lastBlock = (header & 1) === 1
    const size = header >>> 3
    // A block of one repeated byte holds that byte alone.
    this.content = (((header >>> 1) & 3) === 1 ? 1 : size) + (this.lastBlock && this.hasChecksum ? 4 : 0)
    this.step = 'content'
    return 3
  }
}

/** Bytes of a frame's header without dictionary, magic number included. */
const headerSize = (descriptor: number): number => {
  const isSingle = (descriptor & 0x20) !== 0
  const flag = descriptor >>> 6
  return 5 + (isSingle ? 0 : 1) + (flag === 0 ? Number(isSingle) : 2 ** flag)
}

const windowSize = (descriptor: number): number => {
  const base = 2 ** (10 + (descriptor >>> 3))
  return base + (base / 8) * (descriptor & 7)
}

/** The size of the content of a frame that is its own window. */
const contentSize = (view: DataView, descriptor: number, headerSize: number): number => {
  const flag = descriptor >>> 6
  const at = headerSize - (flag === 0 ? 1 : 2 ** flag)
  if (flag === 0) return view.getUint8(at)
  if (flag === 1) return view.getUint16(at, true) + 256
  if (flag === 2) return view.getUint32(at, true)
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}
