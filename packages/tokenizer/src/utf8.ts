/** The UTF-8 bytes of one code point. */
export function utf8Of(codePoint: number): readonly number[] {
  const tail = (shift: number) => 0x80 | ((codePoint >> shift) & 0x3f)
  if (codePoint < 0x80) return [codePoint]
  if (codePoint < 0x800) return [0xc0 | (codePoint >> 6), tail(0)]
  if (codePoint < 0x10000) return [0xe0 | (codePoint >> 12), tail(6), tail(0)]
  return [0xf0 | (codePoint >> 18), tail(12), tail(6), tail(0)]
}

/** The number of bytes of a character that starts with this byte; 1 if no character does. */
const lengthAfter = (lead: number) =>
  (lead & 0xe0) === 0xc0 ? 2 : (lead & 0xf0) === 0xe0 ? 3 : (lead & 0xf8) === 0xf0 ? 4 : 1

const smallest = [0, 0, 0x80, 0x800, 0x10000]

/** Decodes bytes that come in pieces. */
export interface ByteStream {
  /** Whether the start of a character is held back. */
  readonly isWaiting: boolean
  /** Takes bytes and returns the characters that they complete; holds back the start of one. */
  push(bytes: Uint8Array): string
  /** Returns what was held back, as U+FFFD. */
  end(): string
}

/** As SentencePiece, and unlike `TextDecoder`: every byte that is not part of a character becomes a separate U+FFFD. */
export class Utf8Stream implements ByteStream {
  private held: number[] = []

  get isWaiting(): boolean {
    return this.held.length > 0
  }

  push(bytes: Uint8Array): string {
    this.held.push(...bytes)
    return this.take(false)
  }

  end(): string {
    return this.held.length === 0 ? '' : this.take(true)
  }

  private take(atEnd: boolean): string {
    let text = ''
    while (this.held.length > 0) {
      const length = lengthAfter(this.held[0])
      const isTail = this.held.slice(1, length).every(byte => (byte & 0xc0) === 0x80)
      if (isTail && this.held.length < length && !atEnd) break
      const codePoint = isTail && this.held.length >= length ? codePointOf(this.held, 0, length) : -1
      text += codePoint < 0 ? '\ufffd' : String.fromCodePoint(codePoint)
      this.held = this.held.slice(codePoint < 0 ? 1 : length)
    }
    return text
  }
}

/** The `length` bytes from `at` on as a code point, or -1 for what UTF-8 does not allow; the tail bytes are tail bytes. */
function codePointOf(bytes: ArrayLike<number>, at: number, length: number): number {
  const lead = bytes[at]
  if (length === 1) return lead < 0x80 ? lead : -1
  let codePoint = lead & (0x7f >> length)
  for (let i = 1; i < length; i++) codePoint = (codePoint << 6) | (bytes[at + i] & 0x3f)
  const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff
  return codePoint < smallest[length] || codePoint > 0x10ffff || isSurrogate ? -1 : codePoint
}

/** The text of bytes, or `undefined` if they are not UTF-8. `TextDecoder` would throw errors, which are slow. */
export function textOfUtf8(bytes: ArrayLike<number>): string | undefined {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const length = lengthAfter(bytes[at])
    if (at + length > bytes.length) return undefined
    for (let i = 1; i < length; i++) if ((bytes[at + i] & 0xc0) !== 0x80) return undefined
    const codePoint = codePointOf(bytes, at, length)
    if (codePoint < 0) return undefined
    text += String.fromCodePoint(codePoint)
    at += length
  }
  return text
}

/** As Rust's strings and `TextDecoder`: one U+FFFD for as many bytes as could have begun a character. */
export class LossyUtf8 implements ByteStream {
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** How many bytes the last character lacks; more than none wherever the decoder holds some back. */
  private lacking = 0

  get isWaiting(): boolean {
    return this.lacking > 0
  }

  push(bytes: Uint8Array): string {
    for (const byte of bytes)
      this.lacking = this.lacking > 0 && (byte & 0xc0) === 0x80 ? this.lacking - 1 : lengthAfter(byte) - 1
    return this.decoder.decode(bytes, { stream: true })
  }

  end(): string {
    this.lacking = 0
    return this.decoder.decode()
  }
}
