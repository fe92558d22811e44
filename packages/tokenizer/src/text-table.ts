/** A hash table of texts. It looks up a part of a longer text without copying it. */
export class TextTable {
  /** Length in code units of the longest text. */
  readonly longest: number
  private readonly units: Uint16Array
  private readonly starts: Uint32Array
  private readonly slots: Int32Array
  private readonly mask: number

  /**
   * @param texts the texts, by their numbers
   * @param found the numbers of those that `find` finds; no two of them have the same text
   * @param space the code unit that a space in the longer text stands for
   */
  constructor(
    texts: readonly string[],
    found: Iterable<number>,
    private readonly space: number,
  ) {
    const numbers = [...found]
    this.starts = new Uint32Array(texts.length + 1)
    for (let i = 0; i < texts.length; i++) this.starts[i + 1] = this.starts[i] + texts[i].length
    this.units = new Uint16Array(this.starts[texts.length])
    this.mask = 2 ** Math.ceil(Math.log2(2 * numbers.length + 1)) - 1
    this.slots = new Int32Array(this.mask + 1)
    let longest = 0
    for (const i of numbers) {
      const text = texts[i]
      longest = Math.max(longest, text.length)
      let hash = hashSeed
      for (let j = 0; j < text.length; j++) {
        const unit = text.charCodeAt(j)
        this.units[this.starts[i] + j] = unit
        hash = hashUnit(hash, unit)
      }
      let slot = slotOf(hash, this.mask)
      while (this.slots[slot] !== 0) slot = (slot + 1) & this.mask
      this.slots[slot] = i + 1
    }
    this.longest = longest
  }

  lengthOf(number: number): number {
    return this.starts[number + 1] - this.starts[number]
  }

  /** The number of the text that equals `text[from, to)`, whose hash is `hash`, or -1. */
  find(text: string, from: number, to: number, hash: number): number {
    const { slots, mask, units, starts, space } = this
    const length = to - from
    for (let slot = slotOf(hash, mask); ; slot = (slot + 1) & mask) {
      const number = slots[slot] - 1
      if (number < 0) return -1
      const start = starts[number]
      if (starts[number + 1] - start !== length) continue
      let i = 0
      while (i < length) {
        const unit = text.charCodeAt(from + i)
        if (units[start + i] !== (unit === 0x20 ? space : unit)) break
        i++
      }
      if (i === length) return number
    }
  }
}

export const hashSeed = 0x811c9dc5 | 0

/** FNV-1a over code units. */
export const hashUnit = (hash: number, unit: number) => Math.imul(hash ^ unit, 0x01000193)

const slotOf = (hash: number, mask: number) => (hash ^ (hash >>> 15)) & mask
