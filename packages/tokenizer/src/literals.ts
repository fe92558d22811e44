/** A text that was found in a longer text, and where it starts. */
export interface Literal {
  readonly at: number
  readonly text: string
}

/**
 * Finds any of a set of texts in a longer text, the longest at each place. It uses a sorted list and not one regular expression of
 * all texts: that needs a hundred times the memory of the texts, and a model file may have a million of them.
 */
export class Literals {
  private readonly sorted: readonly string[]
  /** 1 for the first code units of the texts. */
  private readonly starts = new Uint8Array(0x10000)

  /** @param space the code unit that a space in the text stands for */
  constructor(
    texts: Iterable<string>,
    private readonly space = 0x20,
  ) {
    // Sorted by code units, so that texts with the same start are neighbours, the shortest first.
    this.sorted = [...texts].sort()
    for (const text of this.sorted) this.starts[text.charCodeAt(0)] = 1
  }

  get isEmpty(): boolean {
    return this.sorted.length === 0
  }

  /** The matches in `text` from the left; they do not overlap. */
  *matches(text: string): Iterable<Literal> {
    if (this.isEmpty) return
    for (let at = 0; at < text.length; ) {
      const found = this.starts[this.unitAt(text, at)] === 1 ? this.longestAt(text, at) : undefined
      if (found !== undefined) yield { at, text: found }
      at += found?.length ?? 1
    }
  }

  private longestAt(text: string, at: number): string | undefined {
    const { sorted } = this
    let found: string | undefined
    let [low, high] = [0, sorted.length]
    for (let depth = 0; low < high && at + depth < text.length; depth++) {
      const unit = this.unitAt(text, at + depth)
      // All of sorted[low, high) begin with the text from `at` to `at + depth`, and are longer.
      low = this.firstFrom(low, high, depth, unit)
      high = this.firstFrom(low, high, depth, unit + 1)
      if (low < high && sorted[low].length === depth + 1) found = sorted[low++]
    }
    return found
  }

  /** The first of `sorted[low, high)` whose code unit at `depth` is `unit` or above. */
  private firstFrom(low: number, high: number, depth: number, unit: number): number {
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.sorted[middle].charCodeAt(depth) < unit) low = middle + 1
      else high = middle
    }
    return low
  }

  private unitAt(text: string, at: number): number {
    const unit = text.charCodeAt(at)
    return unit === 0x20 ? this.space : unit
  }
}
