import { UnsupportedTokenizerError } from './errors'
import { isMergeable, maxMerges, type Vocabulary } from './vocabulary'

/** The code unit of `▁`, which stands for a space in pieces. */
export const meta = 0x2581

/**
 * A vocabulary as integers. A symbol is what merging works on: a piece, by its id, or one of the characters (numbered
 * from `vocabSize` on) that occur inside pieces and are none themselves. Text is read as UTF-16 code units, and a
 * space there is a `▁` where the normaliser escapes spaces.
 */
export class Symbols {
  readonly count: number
  /** What a space in the text stands for. */
  readonly space: number
  /** Length in code units of the longest symbol. */
  readonly longest: number
  /** Symbol of each character below U+10000, or -1. */
  readonly ofUnit: Int32Array
  /** `classOf[unit]`, 0 to 255: coarse classes of code units, the index of `joins`. */
  readonly classOf: Uint8Array
  /**
   * `joins[a << 8 | b]` is 0 where no piece has a unit of class `a` before one of class `b`. All that a merge makes is
   * a piece, so none ever crosses such a place: text may be cut there and each part encoded alone. That is what makes
   * words, digits and most of Chinese fall apart early, without a rule about spaces.
   */
  readonly joins: Uint8Array
  /** Merges, four numbers a slot: left symbol + 1, right symbol, merged symbol, rank (0 goes first). */
  readonly merges: Int32Array
  private readonly mergeMask: number
  private readonly units: Uint16Array
  private readonly starts: Uint32Array
  private readonly slots: Int32Array
  private readonly slotMask: number
  private readonly ofAstral = new Map<number, number>()

  /** @throws {UnsupportedTokenizerError} naming `file` for more than `maxMerges` ways to make its pieces of others */
  constructor(vocabulary: Vocabulary, file: string) {
    const { pieces, types } = vocabulary
    this.space = vocabulary.normalizer.escapeWhitespaces ? meta : 0x20
    const mergeable: number[] = []
    const texts = [...pieces]
    const known = new Map<string, number>()
    for (let id = 0; id < pieces.length; id++) {
      if (!isMergeable(types[id])) continue
      mergeable.push(id)
      known.set(pieces[id], id)
    }
    for (const id of mergeable)
      for (const char of pieces[id]) if (!known.has(char)) known.set(char, texts.push(char) - 1)

    this.count = texts.length
    this.ofUnit = new Int32Array(0x10000).fill(-1)
    this.starts = new Uint32Array(texts.length + 1)
    for (let symbol = 0; symbol < texts.length; symbol++)
      this.starts[symbol + 1] = this.starts[symbol] + texts[symbol].length
    this.units = new Uint16Array(this.starts[texts.length])
    this.slotMask = 2 ** Math.ceil(Math.log2(2 * known.size + 1)) - 1
    this.slots = new Int32Array(this.slotMask + 1)
    this.classOf = unitClasses()
    this.joins = new Uint8Array(0x10000)
    let longest = 0
    for (const [text, symbol] of known) {
      this.add(text, symbol)
      longest = Math.max(longest, text.length)
    }
    this.longest = longest
    if (this.space === meta) this.ofUnit[0x20] = this.ofUnit[meta]
    this.joins[this.classOf[0xd800] * 256 + this.classOf[0xdc00]] = 1

    const found = this.splits(mergeable, pieces, file)
    this.mergeMask = 2 ** Math.ceil(Math.log2((found.length / 3) * 2 + 1)) - 1
    this.merges = new Int32Array(4 * (this.mergeMask + 1))
    const ranks = rank(vocabulary.scores)
    for (let i = 0; i < found.length; i += 3) this.addMerge(found[i], found[i + 1], found[i + 2], ranks[found[i + 2]])
  }

  lengthOf(symbol: number): number {
    return this.starts[symbol + 1] - this.starts[symbol]
  }

  /** The symbol of a character, or -1. */
  ofCodePoint(codePoint: number): number {
    return codePoint < 0x10000 ? this.ofUnit[codePoint] : (this.ofAstral.get(codePoint) ?? -1)
  }

  /** The symbol whose text is `text[from, to)`, whose hash is `hash`, or -1. */
  find(text: string, from: number, to: number, hash: number): number {
    const { slots, slotMask, units, starts, space } = this
    const length = to - from
    for (let slot = slotOf(hash, slotMask); ; slot = (slot + 1) & slotMask) {
      const symbol = slots[slot] - 1
      if (symbol < 0) return -1
      const start = starts[symbol]
      if (starts[symbol + 1] - start !== length) continue
      let i = 0
      while (i < length) {
        const unit = text.charCodeAt(from + i)
        if (units[start + i] !== (unit === 0x20 ? space : unit)) break
        i++
      }
      if (i === length) return symbol
    }
  }

  /** Where in `merges` the pair's merge starts, or -1. */
  mergeOf(left: number, right: number): number {
    const { merges, mergeMask } = this
    for (let slot = pairSlot(left, right, mergeMask); ; slot = (slot + 1) & mergeMask) {
      const at = slot << 2
      if (merges[at] === left + 1 && merges[at + 1] === right) return at
      if (merges[at] === 0) return -1
    }
  }

  private add(text: string, symbol: number) {
    let hash = hashSeed
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      this.units[this.starts[symbol] + i] = unit
      hash = hashUnit(hash, unit)
      if (i > 0) this.joins[this.classOf[text.charCodeAt(i - 1)] * 256 + this.classOf[unit]] = 1
    }
    let slot = slotOf(hash, this.slotMask)
    while (this.slots[slot] !== 0) slot = (slot + 1) & this.slotMask
    this.slots[slot] = symbol + 1
    const codePoint = text.codePointAt(0) as number
    if (text.length === 1) this.ofUnit[codePoint] = symbol
    else if (text.length === 2 && codePoint > 0xffff) this.ofAstral.set(codePoint, symbol)
  }

  /** All ways to cut each piece in two symbols, flat: left, right, piece. */
  private splits(mergeable: readonly number[], pieces: readonly string[], file: string): number[] {
    const found: number[] = []
    const escaped = this.space === meta
    for (const id of mergeable) {
      const piece = pieces[id]
      // Text never holds a space once it is escaped, so such a piece is never made.
      if (escaped && piece.includes(' ')) continue
      let hash = hashSeed
      for (let cut = 1; cut < piece.length; cut++) {
        hash = hashUnit(hash, piece.charCodeAt(cut - 1))
        const left = this.find(piece, 0, cut, hash)
        if (left < 0) continue
        let rest = hashSeed
        for (let i = cut; i < piece.length; i++) rest = hashUnit(rest, piece.charCodeAt(i))
        const right = this.find(piece, cut, piece.length, rest)
        if (right >= 0) found.push(left, right, id)
      }
      if (found.length > 3 * maxMerges)
        throw new UnsupportedTokenizerError(file, `more than ${maxMerges} ways to make its pieces of others`)
    }
    return found
  }

  private addMerge(left: number, right: number, merged: number, order: number) {
    let slot = pairSlot(left, right, this.mergeMask)
    while (this.merges[slot << 2] !== 0) slot = (slot + 1) & this.mergeMask
    this.merges.set([left + 1, right, merged, order], slot << 2)
  }
}

export const hashSeed = 0x811c9dc5 | 0

/** FNV-1a over code units. */
export const hashUnit = (hash: number, unit: number) => Math.imul(hash ^ unit, 0x01000193)

const slotOf = (hash: number, mask: number) => (hash ^ (hash >>> 15)) & mask

const pairSlot = (left: number, right: number, mask: number) => {
  const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
  return (hash ^ (hash >>> 15)) & mask
}

/** ASCII by itself, `▁` with the space, the two kinds of surrogates apart from all else, and the rest hashed. */
function unitClasses(): Uint8Array {
  const classes = new Uint8Array(0x10000)
  for (let unit = 0; unit < 0x10000; unit++)
    classes[unit] = unit < 128 ? unit : unit < 0xd800 || unit > 0xdfff ? 128 + (unit % 126) : unit < 0xdc00 ? 254 : 255
  classes[meta] = 0x20
  return classes
}

/** For each score its place among the distinct scores, the highest being 0. */
function rank(scores: Float32Array): Int32Array {
  const distinct = Float32Array.from(new Set(scores)).sort().reverse()
  const ranks = new Map<number, number>()
  for (let i = 0; i < distinct.length; i++) ranks.set(distinct[i], i)
  return Int32Array.from(scores, score => ranks.get(score) as number)
}
