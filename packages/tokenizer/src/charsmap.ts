import { TokenizerFormatError, UnsupportedTokenizerError } from './errors'
import { utf8Of } from './utf8'

/** What a rule replaces, in code units, and what by, in bytes: those of Unicode's normal forms have less than a tenth. */
const maxReplaced = 256
const maxReplacement = 1024

/**
 * SentencePiece's `precompiled_charsmap`: replacement rules as a double-array trie over UTF-8 bytes (the layout of
 * darts-clone) and a block of zero-terminated replacements.
 *
 * Layout: u32 size of the trie in bytes, the trie's u32 units, the replacements. Little-endian.
 */
export class CharsMap {
  private readonly trie: Uint32Array
  private readonly replacements: Uint8Array

  /** @throws {TokenizerFormatError} naming `file` where the sizes do not add up, or a replacement is too long */
  constructor(
    private readonly file: string,
    bytes: Uint8Array,
  ) {
    const fail = (problem: string) => new TokenizerFormatError(file, `precompiled_charsmap ${problem}`)
    if (bytes.length <= 4) throw fail(`of ${bytes.length} bytes, expected a size and a trie`)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const size = view.getUint32(0, true)
    if (size === 0 || size % 4 !== 0 || size > bytes.length - 4)
      throw fail(`claims a trie of ${size} bytes, ${bytes.length - 4} follow`)
    this.trie = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true))
    this.replacements = bytes.subarray(4 + size)
    // Every match ends within the block, for any number in the trie.
    if (this.replacements.at(-1) !== 0) throw fail('has replacements without the zero byte that ends them')
    for (let start = 0, end: number; start < this.replacements.length; start = end + 1) {
      end = this.replacements.indexOf(0, start)
      if (end - start > maxReplacement)
        throw fail(`has a replacement of ${end - start} bytes, at most ${maxReplacement} are supported`)
    }
  }

  /**
   * The longest rule that matches `text` at `at`, before `to`: what it gives, and where it ends.
   *
   * @throws {UnsupportedTokenizerError} if a rule can continue without end, as in a trie with a cycle
   */
  match(text: string, at: number, to: number): { replacement: string; end: number } | undefined {
    const { trie } = this
    let node = offsetOf(trie[0])
    let longest: { replacement: string; end: number } | undefined
    for (let end = at; end < to; ) {
      const codePoint = text.codePointAt(end) as number
      end += codePoint > 0xffff ? 2 : 1
      if (end - at > maxReplaced)
        throw new UnsupportedTokenizerError(
          this.file,
          `precompiled_charsmap has a rule for over ${maxReplaced} characters`,
        )
      for (const byte of utf8Of(codePoint)) {
        node ^= byte
        const unit = trie[node]
        if (unit === undefined || (unit & 0x800000ff) !== byte) return longest
        node ^= offsetOf(unit)
        if (unit & 0x100) longest = { replacement: this.replacementAt((trie[node] ?? 0) & 0x7fffffff), end }
      }
    }
    return longest
  }

  private replacementAt(start: number): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
      this.replacements.subarray(start, this.replacements.indexOf(0, start)),
    )
  }
}

/** The step from a node to its children. */
const offsetOf = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6)
