import { Pairs } from './pairs'
import { anyScript, Scripts } from './scripts'

/** How the spaces of a symbol stand: none, nothing else, or one before text. */
const noSpace = 0
const allSpace = 1
const spaceFirst = 2

/** Marks characters outside of the alphabet, the space between words, and the places after the first place of a symbol. */
const noSymbol = -1

/**
 * The search for merges in a corpus (Sennrich et al., 2016, algorithm 1), one piece after the other: of all pairs of
 * neighbouring symbols the most frequent, of equals the shorter, then the first by code points, as SentencePiece's
 * `bpe::Trainer` picks them.
 *
 * Counts are kept as merges go: only the neighbours of a merged pair change. Counts never rise once a pair is made,
 * since all pairs of a new symbol are made with it; so a heap that looks at a count again when it comes to the top finds
 * the maximum.
 */
export class MergeSearch {
  private readonly pairs = new Pairs()
  /** Symbol at its first place, `noSymbol` at its others. */
  private text = new Int32Array(0)
  /** At the last place of a symbol: its first place. */
  private startOf = new Int32Array(0)
  /** How often the word at a place occurs in the corpus. */
  private weight = new Float64Array(0)
  private readonly symbolOf = new Map<string, number>()
  // By symbol: its code points, script, and spaces.
  private readonly codePoints: number[][] = []
  private readonly script: number[] = []
  private readonly spaces: number[] = []
  private readonly isDigit: boolean[] = []
  /** Pairs, the best first by the count that they had when it was last looked at. */
  private readonly heap: number[] = []
  private readonly found = new Set<string>()
  /** Pairs of a symbol with itself whose places have to be looked at again. */
  private readonly doubtful = new Set<number>()
  private readonly fresh = new Set<number>()

  /**
   * @param alphabet the characters that pieces are made of, one code point each
   * @param maxPieceLength in code points
   */
  constructor(
    alphabet: readonly string[],
    private readonly maxPieceLength: number,
  ) {
    const scripts = new Scripts()
    for (const char of alphabet) {
      this.symbolOf.set(char, this.codePoints.length)
      this.codePoints.push([char.codePointAt(0) as number])
      this.script.push(char === '▁' ? anyScript : scripts.of(char))
      this.spaces.push(char === '▁' ? allSpace : noSpace)
      this.isDigit.push(/[0-9０-９]/.test(char))
    }
  }

  /**
   * Reads the corpus, once and before all merges, in small steps, between which other work can run.
   *
   * @param words the words and how often each occurs in the corpus
   */
  *read(words: Iterable<readonly [word: string, count: number]>): Iterable<void> {
    const text: number[] = [noSymbol]
    const weight: number[] = [0]
    for (const [word, count] of words) {
      for (const char of word) {
        text.push(this.symbolOf.get(char) ?? noSymbol)
        weight.push(count)
      }
      text.push(noSymbol)
      weight.push(0)
      yield
    }
    this.text = Int32Array.from(text)
    this.weight = Float64Array.from(weight)
    this.startOf = new Int32Array(text.length)
    for (let place = 1; place < text.length; place++) {
      this.startOf[place] = place
      this.meet(place - 1, place)
      if (text[place] === noSymbol) yield
    }
    this.settle()
  }

  /** Makes the next merge and returns its piece, or `undefined` when no pair is left in the text. */
  next(): string | undefined {
    for (;;) {
      const pair = this.pop()
      if (pair === undefined) return undefined
      const { left, right } = this.pairs
      const codePoints = [...this.codePoints[left[pair]], ...this.codePoints[right[pair]]]
      const piece = String.fromCodePoint(...codePoints)
      // The piece exists already from another pair, so this pair is not merged.
      if (this.found.has(piece)) continue
      this.found.add(piece)
      this.merge(pair, codePoints)
      this.settle()
      return piece
    }
  }

  private merge(pair: number, codePoints: number[]) {
    const { text, startOf, pairs, codePoints: known } = this
    const left = pairs.left[pair]
    const right = pairs.right[pair]
    const symbol = known.push(codePoints) - 1
    this.script.push(this.script[left] || this.script[right])
    this.spaces.push(this.spaces[left] === allSpace && this.spaces[right] === noSpace ? spaceFirst : this.spaces[left])
    this.isDigit.push(false)
    for (let entry = pairs.first[pair]; entry >= 0; entry = pairs.following[entry]) {
      const at = pairs.place[entry]
      if (text[at] !== left) continue
      const rightAt = at + known[left].length
      if (text[rightAt] !== right) continue
      const after = rightAt + known[right].length
      const before = startOf[at - 1]
      this.part(before, at, pair)
      this.part(rightAt, after, pair)
      text[at] = symbol
      text[rightAt] = noSymbol
      startOf[after - 1] = at
      this.meet(before, at)
      this.meet(at, after)
    }
  }

  /** Two neighbours stop being neighbours: the merge of `merging` takes one of them. */
  private part(left: number, right: number, merging: number) {
    const a = this.text[left]
    const b = this.text[right]
    if (a < 0 || b < 0) return
    const pair = this.pairs.find(a, b)
    if (pair < 0 || pair === merging) return
    if (a === b) this.doubtful.add(pair)
    else this.pairs.count[pair] -= this.weight[right]
  }

  /** Two symbols become neighbours. */
  private meet(left: number, right: number) {
    const a = this.text[left]
    const b = this.text[right]
    if (a < 0 || b < 0) return
    let pair = this.pairs.find(a, b)
    if (pair < 0) {
      if (!this.makesPiece(a, b)) return
      pair = this.pairs.add(a, b)
    }
    this.pairs.addPlace(pair, left)
    this.fresh.add(pair)
    if (a === b) this.doubtful.add(pair)
    else this.pairs.count[pair] += this.weight[right]
  }

  /**
   * SentencePiece's rules for pieces, with LLaMA's settings: not too long, of one script, spaces first or alone,
   * digits always alone. Both parts keep them already.
   */
  private makesPiece(a: number, b: number): boolean {
    const { codePoints, script, spaces, isDigit } = this
    if (codePoints[a].length + codePoints[b].length > this.maxPieceLength) return false
    if (isDigit[a] || isDigit[b]) return false
    if (script[a] !== anyScript && script[b] !== anyScript && script[a] !== script[b]) return false
    if (spaces[b] !== noSpace) return spaces[a] === allSpace && spaces[b] === allSpace
    return spaces[a] !== allSpace || codePoints[a].length === 1
  }

  /** Updates the counts after a merge, and puts the new pairs on the heap. */
  private settle() {
    for (const pair of this.doubtful) this.recount(pair)
    this.doubtful.clear()
    for (const pair of this.fresh) this.push(pair)
    this.fresh.clear()
  }

  /**
   * Counts the places of a symbol's pair with itself again. Removes places that no longer exist and, of two that overlap
   * ("aaa"), the second. SentencePiece removes the second permanently, even if the first disappears later.
   */
  private recount(pair: number) {
    const { pairs, text, weight, codePoints } = this
    const symbol = pairs.left[pair]
    const length = codePoints[symbol].length
    let count = 0
    let kept = -1
    let taken = -1
    for (let entry = pairs.first[pair]; entry >= 0; entry = pairs.following[entry]) {
      const at = pairs.place[entry]
      if (at === taken || text[at] !== symbol || text[at + length] !== symbol) {
        taken = -1
        continue
      }
      taken = at + length
      count += weight[at]
      if (kept < 0) pairs.first[pair] = entry
      else pairs.following[kept] = entry
      kept = entry
    }
    if (kept < 0) pairs.first[pair] = -1
    else pairs.following[kept] = -1
    pairs.count[pair] = count
  }

  private push(pair: number) {
    const { heap, pairs } = this
    pairs.seenCount[pair] = pairs.count[pair]
    let at = heap.length
    for (; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!this.isBetter(pair, heap[parent])) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = pair
  }

  /** Takes the best pair that still occurs in the text off the heap. */
  private pop(): number | undefined {
    const { heap, pairs } = this
    while (heap.length > 0) {
      const best = heap[0]
      if (pairs.count[best] === pairs.seenCount[best] || pairs.count[best] === 0) {
        const last = heap.pop() as number
        if (heap.length > 0) this.sink(last)
        if (pairs.count[best] > 0) return best
      } else {
        pairs.seenCount[best] = pairs.count[best]
        this.sink(best)
      }
    }
    return undefined
  }

  /** Puts a pair in the place of the first one, and down to where it belongs. */
  private sink(pair: number) {
    const { heap } = this
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && this.isBetter(heap[child + 1], heap[child])) child++
      if (!this.isBetter(heap[child], pair)) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = pair
  }

  private isBetter(a: number, b: number): boolean {
    const { seenCount, left, right } = this.pairs
    if (seenCount[a] !== seenCount[b]) return seenCount[a] > seenCount[b]
    const { codePoints } = this
    const [leftA, rightA, leftB, rightB] = [
      codePoints[left[a]],
      codePoints[right[a]],
      codePoints[left[b]],
      codePoints[right[b]],
    ]
    const length = leftA.length + rightA.length
    if (length !== leftB.length + rightB.length) return length < leftB.length + rightB.length
    for (let i = 0; i < length; i++) {
      const charA = i < leftA.length ? leftA[i] : rightA[i - leftA.length]
      const charB = i < leftB.length ? leftB[i] : rightB[i - leftB.length]
      if (charA !== charB) return charA < charB
    }
    return false
  }
}
