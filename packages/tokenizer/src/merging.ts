import type { Symbols } from './symbols'

/** The rank of a pair that makes no piece: after all others. */
const never = 0x7fffffff

/** A candidate is one number, rank · 2³⁰ + index: numbers compare as candidates do, by rank and then leftmost first. */
const rankUnit = 2 ** 30

/**
 * Up to this length a scan of all pairs is faster than a heap (measured). The scanned numbers are
 * rank · 2⁶ + index, which compares as candidates do, and there are fewer than 2²⁰ ranks.
 */
const scanned = 64
const indexBits = 6

/** Merges one part of a text: a linked list of symbols, and for longer parts a heap of the pairs that can be merged. */
export class Merging {
  /** Symbol of each entry of the list, -1 for a character that is in no piece. */
  symbol = new Int32Array(64)
  /** Where each entry starts in the text. */
  start = new Uint32Array(64)
  /** The list runs from entry 0 through `next` to -1. */
  next = new Int32Array(64)
  private previous = new Int32Array(64)
  /** Rank of merging an entry with its next one, with the index below it where pairs are scanned; and what that gives. */
  private rank = new Int32Array(64)
  private merged = new Int32Array(64)
  private heap = new Float64Array(128)
  private heapSize = 0

  /**
   * @param parts where given, remembers for each piece the last pair considered that would make it
   */
  constructor(
    private readonly symbols: Symbols,
    private readonly parts?: Map<number, readonly [left: number, right: number]>,
  ) {}

  /** Merges `text[from, to)` all the way; takes O(n log n) time for n characters. */
  run(text: string, from: number, to: number): void {
    const length = this.load(text, from, to)
    const { symbol, next, previous, rank, merged } = this
    const byHeap = length > scanned
    this.heapSize = 0
    rank[length - 1] = never
    for (let i = 0; i + 1 < length; i++) this.consider(i, byHeap)
    for (;;) {
      const at = byHeap ? this.pop() : lowest(rank, length)
      if (at < 0) return
      const right = next[at]
      const after = next[right]
      symbol[at] = merged[at]
      next[at] = after
      rank[right] = never
      if (after >= 0) {
        previous[after] = at
        this.consider(at, byHeap)
      } else rank[at] = never
      if (previous[at] >= 0) this.consider(previous[at], byHeap)
    }
  }

  /** Makes a list entry of each character, and returns how many there are. */
  private load(text: string, from: number, to: number): number {
    if (this.symbol.length < to - from) this.grow(to - from)
    const { symbols, symbol, start, next, previous } = this
    let length = 0
    for (let at = from; at < to; at++) {
      const unit = text.charCodeAt(at)
      start[length] = at
      if (unit >= 0xd800 && unit <= 0xdbff) {
        symbol[length] = symbols.ofCodePoint(text.codePointAt(at) as number)
        at++
      } else symbol[length] = symbols.ofUnit[unit]
      previous[length] = length - 1
      next[length] = ++length
    }
    next[length - 1] = -1
    return length
  }

  /** Looks up what entry `at` and the next one make. */
  private consider(at: number, byHeap: boolean) {
    const { symbol, next } = this
    const { merges } = this.symbols
    const left = symbol[at]
    const right = symbol[next[at]]
    const found = left < 0 || right < 0 ? -1 : merges.find(left, right)
    if (found < 0) {
      this.rank[at] = never
      return
    }
    const merged = merges.slots[found + 2]
    const rank = merges.slots[found + 3]
    this.merged[at] = merged
    this.rank[at] = byHeap ? rank : (rank << indexBits) | at
    this.parts?.set(merged, [left, right])
    if (byHeap) this.push(rank * rankUnit + at)
  }

  private push(candidate: number) {
    const { heap } = this
    let at = this.heapSize++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent] <= candidate) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = candidate
  }

  /** Takes the best candidate off the heap and returns the entry of its left symbol; -1 if no candidate is left. */
  private pop(): number {
    const { heap, rank } = this
    while (this.heapSize > 0) {
      const best = heap[0]
      const size = --this.heapSize
      const last = heap[size]
      let at = 0
      for (let child = 1; child < size; child = 2 * at + 1) {
        if (child + 1 < size && heap[child + 1] < heap[child]) child++
        if (heap[child] >= last) break
        heap[at] = heap[child]
        at = child
      }
      heap[at] = last
      const left = best % rankUnit
      // Skip a candidate whose pair has changed; the new pair has its own candidate.
      if (rank[left] === (best - left) / rankUnit) return left
    }
    return -1
  }

  private grow(length: number) {
    this.symbol = new Int32Array(length)
    this.start = new Uint32Array(length)
    this.next = new Int32Array(length)
    this.previous = new Int32Array(length)
    this.rank = new Int32Array(length)
    this.merged = new Int32Array(length)
    // Each character adds one candidate, and each merge at most two.
    this.heap = new Float64Array(3 * length)
  }
}

/**
 * The first entry of the lowest rank, or -1 if no pair makes a piece. A branch on the minimum would be unpredictable, so
 * the code has none: a negative difference is added, any other is masked. Two minima alternate.
 */
function lowest(rank: Int32Array, length: number): number {
  let low = never
  let other = never
  let i = 0
  for (; i + 2 <= length; i += 2) {
    const less = rank[i] - low
    const otherLess = rank[i + 1] - other
    low += less & (less >> 31)
    other += otherLess & (otherLess >> 31)
  }
  if (i < length) low = Math.min(low, rank[i])
  low = Math.min(low, other)
  return low === never ? -1 : low & ((1 << indexBits) - 1)
}
