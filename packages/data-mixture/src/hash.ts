// Hashes for splits, keys and shingles. They are part of the data format: a change moves documents between splits.

/** A bijection of 32-bit integers in which each bit of the input changes half of the output's (MurmurHash3's finaliser). */
export const mix32 = (value: number): number => {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/** A 64-bit hash, built from 32-bit words. */
export class Hash {
  private high: number
  private low: number

  constructor(seed = 0) {
    this.high = mix32(seed + 0x9e3779b9)
    this.low = mix32(seed ^ 0x7f4a7c15)
  }

  /** Adds an integer of 32 bits. */
  add(word: number): this {
    this.high = Math.imul(this.high ^ word, 0x9e3779b1)
    this.high = (this.high << 13) | (this.high >>> 19)
    this.low = Math.imul(this.low ^ this.high ^ word, 0x85ebca77)
    this.low = (this.low << 17) | (this.low >>> 15)
    return this
  }

  /** Adds a safe integer. */
  addNumber(value: number): this {
    return this.add(value | 0).add(Math.floor(value / 2 ** 32) | 0)
  }

  /** Adds a text by its UTF-16 code units, and its length. */
  addText(text: string): this {
    for (let i = 0; i < text.length; i++) this.add(text.charCodeAt(i))
    return this.add(text.length)
  }

  /** The hash as two integers from 0 to 2^32 - 1. */
  words(): readonly [high: number, low: number] {
    const high = mix32(this.high ^ mix32(this.low))
    return [high, mix32(this.low + high)]
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return this.words()
      .map(word => word.toString(16).padStart(8, '0'))
      .join('')
  }
}
