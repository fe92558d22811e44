import { UnsupportedTokenizerError } from './errors'
import { MergeTable } from './merge-table'
import { hashSeed, hashUnit, TextTable } from './text-table'
import { isMergeable, maxMerges, type Vocabulary } from './vocabulary'

/** The code unit of `▁`, which stands for a space in pieces. */
export const meta = 0x2581

/** The input of merging: the pieces and the merges. */
export interface SymbolSource {
  /** The text of each piece by its id. */
  readonly texts: readonly string[]
  /** The ids of the pieces that text can become; no two of them have the same text. */
  readonly mergeable: readonly number[]
  /** What a space in the text stands for. */
  readonly space: number
  /** Whether each code unit of the text is a byte, 0 to 255. */
  readonly bytes: boolean
  /** The merges in their order, three ids each: left, right, and what they make. Without them `scores` decide. */
  readonly merges: Uint32Array | undefined
  /** Without `merges`, any two pieces that make a third are merged, the third with the highest score first. */
  readonly scores: Float32Array
}

/** How a vocabulary that works on characters is merged. */
export const characterSource = (vocabulary: Vocabulary): SymbolSource => {
  const { pieces, types, scores, merges, normalizer } = vocabulary
  return {
    texts: pieces,
    mergeable: pieces.flatMap((piece, id) => (isMergeable(types[id]) && piece !== '' ? [id] : [])),
    space: normalizer.escapeWhitespaces ? meta : 0x20,
    bytes: false,
    merges,
    scores,
  }
}

/**
 * A vocabulary as integers. A symbol is what merging works on: a piece, by its id, or one of the characters (numbered
 * from the last id on) that occur inside pieces and are none themselves. Text is read as UTF-16 code units.
 */
export class Symbols {
  readonly count: number
  /** What a space in the text stands for. */
  readonly space: number
  /** Symbol of each character below U+10000, or -1. */
  readonly ofUnit: Int32Array
  /** `classOf[unit]`, 0 to 255: coarse classes of code units, the index of `joins`. */
  readonly classOf: Uint8Array
  /**
   * `joins[a << 8 | b]` is 0 where no merge makes a text with a unit of class `a` before one of class `b`. No merge ever
   * crosses such a place: text may be cut there and each part encoded alone. So words, digits and most
   * Chinese characters are separated early, without a rule about spaces.
   */
  readonly joins: Uint8Array
  readonly table: TextTable
  readonly merges: MergeTable
  /** The ids of the pieces that merges make; an id may stand more than once. */
  readonly made: Uint32Array
  private readonly ofAstral = new Map<number, number>()

  /** @throws {UnsupportedTokenizerError} naming `file` for more than `maxMerges` ways to make its pieces of others */
  constructor({ texts, mergeable, space, bytes, merges, scores }: SymbolSource, file: string) {
    this.space = space
    const all = [...texts]
    const symbols = [...mergeable]
    // SentencePiece can merge characters that are not pieces. A list of merges names only pieces.
    if (merges === undefined) {
      const known = new Set(mergeable.map(id => texts[id]))
      for (const id of mergeable)
        for (const char of texts[id]) {
          if (known.has(char)) continue
          known.add(char)
          symbols.push(all.push(char) - 1)
        }
    }
    this.count = all.length
    this.table = new TextTable(all, symbols, space)
    this.ofUnit = new Int32Array(0x10000).fill(-1)
    for (const symbol of symbols) {
      const text = all[symbol]
      const codePoint = text.codePointAt(0) as number
      if (text.length === 1) this.ofUnit[codePoint] = symbol
      else if (text.length === 2 && codePoint > 0xffff) this.ofAstral.set(codePoint, symbol)
    }
    if (space === meta) this.ofUnit[0x20] = this.ofUnit[meta]

    const list = merges ?? this.splits(mergeable, texts, file)
    const ranks = merges === undefined ? rank(scores) : undefined
    this.merges = new MergeTable(list, at => (ranks === undefined ? at / 3 : ranks[list[at + 2]]))

    this.classOf = bytes ? byteClasses() : unitClasses()
    this.joins = new Uint8Array(0x10000)
    if (!bytes) this.joins[this.classOf[0xd800] * 256 + this.classOf[0xdc00]] = 1
    this.made = Uint32Array.from({ length: list.length / 3 }, (_, i) => list[3 * i + 2])
    for (const id of this.made) this.join(all[id])
  }

  lengthOf(symbol: number): number {
    return this.table.lengthOf(symbol)
  }

  /** The symbol of a character, or -1. */
  ofCodePoint(codePoint: number): number {
    return codePoint < 0x10000 ? this.ofUnit[codePoint] : (this.ofAstral.get(codePoint) ?? -1)
  }

  private join(text: string) {
    const { joins, classOf } = this
    for (let i = 1; i < text.length; i++)
      joins[(classOf[text.charCodeAt(i - 1)] << 8) | classOf[text.charCodeAt(i)]] = 1
  }

  /** All ways to cut each piece in two symbols, flat: left, right, piece. */
  private splits(mergeable: readonly number[], texts: readonly string[], file: string): number[] {
    const found: number[] = []
    const escaped = this.space === meta
    for (const id of mergeable) {
      const piece = texts[id]
      // Escaped text has no spaces, so such a piece is never made.
      if (escaped && piece.includes(' ')) continue
      let hash = hashSeed
      for (let cut = 1; cut < piece.length; cut++) {
        hash = hashUnit(hash, piece.charCodeAt(cut - 1))
        const left = this.table.find(piece, 0, cut, hash)
        if (left < 0) continue
        let rest = hashSeed
        for (let i = cut; i < piece.length; i++) rest = hashUnit(rest, piece.charCodeAt(i))
        const right = this.table.find(piece, cut, piece.length, rest)
        if (right >= 0) found.push(left, right, id)
      }
      if (found.length > 3 * maxMerges)
        throw new UnsupportedTokenizerError(file, `more than ${maxMerges} ways to make its pieces of others`)
    }
    return found
  }
}

/** Each ASCII character has its own class, `▁` the class of the space, the two kinds of surrogates one class each. Other characters are hashed. */
function unitClasses(): Uint8Array {
  const classes = new Uint8Array(0x10000)
  for (let unit = 0; unit < 0x10000; unit++)
    classes[unit] = unit < 128 ? unit : unit < 0xd800 || unit > 0xdfff ? 128 + (unit % 126) : unit < 0xdc00 ? 254 : 255
  classes[meta] = 0x20
  return classes
}

/** Each byte is a separate class. */
const byteClasses = () => Uint8Array.from({ length: 0x10000 }, (_, unit) => unit & 0xff)

/** For each score its place among the distinct scores, the highest being 0. */
function rank(scores: Float32Array): Int32Array {
  const distinct = Float32Array.from(new Set(scores)).sort().reverse()
  const ranks = new Map<number, number>()
  for (let i = 0; i < distinct.length; i++) ranks.set(distinct[i], i)
  return Int32Array.from(scores, score => ranks.get(score) as number)
}
