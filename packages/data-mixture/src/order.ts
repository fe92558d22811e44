import type { Parts } from './shares'

/** The place of a row in the mixture. */
export interface RowPlace {
  /** Index of the source. */
  readonly source: number
  /** How many earlier rows the source has had. */
  readonly ordinal: number
}

/**
 * Which source each row comes from. The order solves the chairman assignment problem (R. Tijdeman, "The chairman assignment
 * problem", Discrete Mathematics 32, 1980): among the first n rows, source i of k has its share of n to within 1 - 1/(2k - 2)
 * rows, for every n. The order repeats every `total` rows, so the source of row n takes no more than a look-up.
 */
export class BlendOrder {
  /** Rows after which the order repeats. */
  readonly total: number
  readonly parts: readonly number[]
  /** [total]: the source of each row. */
  private readonly sources: Uint16Array
  /** For each source the rows that are its own, ascending. */
  private readonly rowsOf: readonly Uint32Array[]
  /** [total]: how many earlier rows of the cycle have the same source. */
  private readonly ordinals: Uint32Array

  constructor({ parts, total }: Parts) {
    this.total = total
    this.parts = parts
    this.sources = tijdemanOrder(parts, total)
    this.ordinals = new Uint32Array(total)
    this.rowsOf = parts.map(part => new Uint32Array(part))
    const counts = new Uint32Array(parts.length)
    for (let row = 0; row < total; row++) {
      const source = this.sources[row]
      this.ordinals[row] = counts[source]
      this.rowsOf[source][counts[source]++] = row
    }
  }

  /** The source of row n, and the number of its earlier rows. */
  place(n: number): RowPlace {
    const slot = n % this.total
    const source = this.sources[slot]
    return { source, ordinal: ((n - slot) / this.total) * this.parts[source] + this.ordinals[slot] }
  }

  /** How many of the first n rows a source has. */
  count(source: number, n: number): number {
    const slot = n % this.total
    const rows = this.rowsOf[source]
    let low = 0
    let high = rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (rows[middle] < slot) low = middle + 1
      else high = middle
    }
    return ((n - slot) / this.total) * this.parts[source] + low
  }
}

/**
 * Tijdeman's algorithm as jobs with a release and a deadline. A source that has had x rows may get its next one at the first row
 * n (counted from 1) at which it is 1/(2k - 2) of a row behind its share, and must have it by the first n at which it would
 * otherwise be more than 1 - 1/(2k - 2) behind. Of those that may, the one with the earliest deadline gets the row. All numbers
 * are whole, and below 2^53.
 */
const tijdemanOrder = (parts: readonly number[], total: number): Uint16Array => {
  const order = new Uint16Array(total)
  const k = parts.length
  if (k === 1) return order
  const unit = 2 * k - 2
  const release = (source: number, had: number) => Math.ceil(((unit * had + 1) * total) / (unit * parts[source]))
  const deadline = (source: number, had: number) =>
    Math.floor(((unit * had + unit - 1) * total) / (unit * parts[source])) + 1
  const counts = new Uint32Array(k)
  const releases = parts.map((_, source) => release(source, 0))
  const deadlines = parts.map((_, source) => deadline(source, 0))
  for (let n = 1; n <= total; n++) {
    let chosen = -1
    for (let source = 0; source < k; source++) {
      if (releases[source] <= n && (chosen < 0 || deadlines[source] < deadlines[chosen])) chosen = source
    }
    order[n - 1] = chosen
    counts[chosen]++
    releases[chosen] = release(chosen, counts[chosen])
    deadlines[chosen] = deadline(chosen, counts[chosen])
  }
  return order
}
