import { Merging } from './merging'
import { type SymbolSource, Symbols } from './symbols'
import { hashSeed, hashUnit } from './text-table'
import { byteOf, PieceType, type Vocabulary } from './vocabulary'

/** Lengths of the windows of a long segment in code units: the first one, and the larger ones that follow if it fails. */
const shortWindow = 40
const longWindow = 320

/** No token. */
const none = -2

/** Buffers that grew beyond this for one long text are not kept for the next. */
const keptTokens = 1 << 16

/**
 * Byte-pair encoding: of all pairs of neighbouring symbols that have a merge, merge the one of the lowest rank, the
 * leftmost of equals, until there is none left. The rank is the place in a list of merges or, as SentencePiece has it,
 * the place of the merged piece's score among all scores.
 *
 * Three properties make it fast and keep it exact; E(s) is the encoding of s.
 *
 * 1. No merge crosses a place where no merged piece has these two neighbours (`Symbols.joins`), so text falls into short
 *    segments, each encoded alone. Most of them are pieces as they stand.
 * 2. If E(s) = …, t, …, u, … then E(t…u) = t, …, u: within the part, the steps taken are those that the part alone
 *    would take, and nothing crossed its ends.
 * 3. If E(xt) = X, t and E(ty) = t, Y then E(xty) = X, t, Y: as long as no merge has crossed an end of t, the best
 *    pair of xty is the best pair of xt or of ty (or of both, within t), and neither of those crosses.
 *
 * By 2 and 3 a long segment is encoded in windows that overlap in a token on which both agree.
 */
export class BytePairEncoder {
  /** The tokens of the text being encoded; `count` of them. */
  ids = new Uint32Array(1024)
  /** Where each token ends in that text, in code units. */
  ends = new Uint32Array(1024)
  count = 0

  readonly symbols: Symbols
  private readonly vocabSize: number
  private readonly unkId: number | undefined
  private readonly fuseUnk: boolean
  /** Ids of the byte pieces, by byte. */
  private readonly byteIds: Uint32Array | undefined
  /** Does the text of a symbol encode to that symbol alone? 0: not known yet, 1: yes, 2: no. */
  private readonly whole: Uint8Array
  /** 1 for pieces that may be made but are not output: they are replaced by the parts that they were made of. */
  private readonly unused: Uint8Array | undefined
  private readonly parts = new Map<number, readonly [left: number, right: number]>()
  private readonly merging: Merging
  /** Where the part starts that is being encoded. */
  private encodedFrom = 0

  /** @throws {UnsupportedTokenizerError} naming `file` for pieces that can be made of others in too many ways */
  constructor(vocabulary: Vocabulary, source: SymbolSource, file: string) {
    const { pieces, types } = vocabulary
    this.symbols = new Symbols(source, file)
    this.vocabSize = pieces.length
    this.unkId = vocabulary.unkId
    this.fuseUnk = vocabulary.fuseUnk ?? true
    this.whole = new Uint8Array(this.symbols.count)
    // Only merged pieces can be replaced by their parts.
    const made = this.symbols.made.some(id => types[id] === PieceType.unused)
    if (made) this.unused = types.map(type => (type === PieceType.unused ? 1 : 0))
    this.merging = new Merging(this.symbols, this.unused && this.parts)
    if (vocabulary.byteFallback) this.byteIds = new Uint32Array(256)
    for (let id = 0; id < pieces.length; id++)
      if (types[id] === PieceType.byte && this.byteIds) this.byteIds[byteOf(pieces[id])] = id
  }

  /** Removes the tokens of the last text. */
  clear(): void {
    this.count = 0
    if (this.ids.length > keptTokens) {
      this.ids = new Uint32Array(1024)
      this.ends = new Uint32Array(1024)
    }
  }

  /** Appends one token that ends at `end`. */
  append(id: number, end: number): void {
    if (this.count === this.ids.length) this.grow(1)
    this.ids[this.count] = id
    this.ends[this.count++] = end
  }

  /**
   * Appends the tokens of `text[from, to)`, which is normalised and well-formed and is encoded independently of the rest of the text; its
   * spaces need not be escaped.
   */
  encode(text: string, from: number, to: number): void {
    this.encodedFrom = from
    if (this.unused !== undefined) {
      // The parts of an unused piece depend on the whole text.
      this.parts.clear()
      if (from < to) this.encodeSegment(text, from, to)
      return
    }
    const { space, classOf, joins, ofUnit, table } = this.symbols
    for (let at = from; at < to; ) {
      const start = at
      let unit = text.charCodeAt(at++)
      if (unit === 0x20) unit = space
      let hash = hashUnit(hashSeed, unit)
      let unitClass = classOf[unit]
      for (; at < to; at++) {
        unit = text.charCodeAt(at)
        if (unit === 0x20) unit = space
        const nextClass = classOf[unit]
        if (joins[(unitClass << 8) | nextClass] === 0) break
        unitClass = nextClass
        hash = hashUnit(hash, unit)
      }
      if (at - start === 1) {
        this.emit(text, ofUnit[text.charCodeAt(start)], start, at)
        continue
      }
      const symbol = at - start <= table.longest ? table.find(text, start, at, hash) : -1
      if (symbol >= 0 && this.isWhole(text, start, at, symbol)) this.emit(text, symbol, start, at)
      else this.encodeSegment(text, start, at)
    }
  }

  /** Whether the text of a symbol, `text[from, to)`, encodes to that symbol alone. */
  isWhole(text: string, from: number, to: number, symbol: number): boolean {
    if (this.whole[symbol] === 0) {
      this.merging.run(text, from, to)
      this.whole[symbol] = this.merging.next[0] < 0 ? 1 : 2
    }
    return this.whole[symbol] === 1
  }

  private encodeSegment(text: string, from: number, to: number) {
    const { count, lastEnd } = this
    if (to - from > shortWindow && this.unused === undefined) {
      if (this.encodeWindows(text, from, to)) return
      this.rewind(count, lastEnd)
    }
    this.merging.run(text, from, to)
    this.emitUntil(text, to, to)
  }

  /** Encodes by windows. Returns false if they do not agree, even when they are longer. */
  private encodeWindows(text: string, from: number, to: number): boolean {
    const { merging } = this
    let [start, size, shared] = [from, shortWindow, none]
    // The window before: its tokens are certain once this one begins with the token that they share.
    let last = { start, size, shared, count: this.count, end: this.lastEnd }
    for (;;) {
      let end = Math.min(start + size, to)
      if (end < to && isLowSurrogate(text.charCodeAt(end))) end++
      merging.run(text, start, end)
      if (shared !== none && merging.symbol[0] !== shared) {
        if (last.size >= longWindow) return false
        last.size *= 2
        ;({ start, size, shared } = last)
        this.rewind(last.count, last.end)
        continue
      }
      last = { start, size, shared, count: this.count, end: this.lastEnd }
      if (end === to) {
        this.emitUntil(text, to, to)
        return true
      }
      // The first token in the last quarter is the one that the next window begins with.
      const at = this.emitUntil(text, start + (size * 3) / 4, end)
      if (at < 0) return false
      start = merging.start[at]
      shared = merging.symbol[at]
      size = shortWindow
    }
  }

  /** Where the last token ends. */
  private get lastEnd(): number {
    return this.count > 0 ? this.ends[this.count - 1] : 0
  }

  /** Removes all tokens except the first `count`; the last of them may have grown since. */
  private rewind(count: number, lastEnd: number) {
    this.count = count
    if (count > 0) this.ends[count - 1] = lastEnd
  }

  /** Appends the tokens that were merged, up to the first that starts at `limit` or later; returns its entry, or -1. */
  private emitUntil(text: string, limit: number, end: number): number {
    const { symbol, next, start } = this.merging
    let at = 0
    while (at >= 0 && start[at] < limit) {
      const after = next[at]
      this.emit(text, symbol[at], start[at], after < 0 ? end : start[after])
      at = after
    }
    return at
  }

  /** Appends the tokens of a symbol with the text `text[from, to)`. */
  private emit(text: string, symbol: number, from: number, to: number) {
    const parts = this.unused?.[symbol] === 1 ? this.parts.get(symbol) : undefined
    if (parts !== undefined) {
      const middle = from + this.symbols.lengthOf(parts[0])
      this.emit(text, parts[0], from, middle)
      this.emit(text, parts[1], middle, to)
    } else if (symbol < 0 || symbol >= this.vocabSize) this.emitUnknown(text, from, to)
    else this.append(symbol, to)
  }

  /**
   * The bytes of a character without a piece, of which the last stands for it; or `unk`, one for a run of them if they
   * are fused; or nothing.
   */
  private emitUnknown(text: string, from: number, to: number) {
    const { byteIds, unkId } = this
    if (byteIds === undefined) {
      if (unkId === undefined) return
      const fuses = this.fuseUnk && from > this.encodedFrom
      if (fuses && this.count > 0 && this.ids[this.count - 1] === unkId && this.lastEnd === from)
        this.ends[this.count - 1] = to
      else this.append(unkId, to)
      return
    }
    const codePoint = text.codePointAt(from) as number
    const char = codePoint === 0x20 ? this.symbols.space : codePoint
    if (char < 0x80) {
      this.append(byteIds[char], to)
      return
    }
    if (char < 0x800) this.append(byteIds[0xc0 | (char >> 6)], from)
    else {
      if (char < 0x10000) this.append(byteIds[0xe0 | (char >> 12)], from)
      else {
        this.append(byteIds[0xf0 | (char >> 18)], from)
        this.append(byteIds[0x80 | ((char >> 12) & 0x3f)], from)
      }
      this.append(byteIds[0x80 | ((char >> 6) & 0x3f)], from)
    }
    this.append(byteIds[0x80 | (char & 0x3f)], to)
  }

  private grow(room: number) {
    const length = 2 * (this.ids.length + room)
    const { ids, ends } = this
    this.ids = new Uint32Array(length)
    this.ids.set(ids)
    this.ends = new Uint32Array(length)
    this.ends.set(ends)
  }
}

const isLowSurrogate = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff
