/** Numbers from a seed, which failing tests print: mulberry32. */
export class Random {
  #state: number

  constructor(readonly seed: number) {
    this.#state = seed
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `low` to `high`. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  /** Normally distributed f32 numbers (Box and Muller). */
  normal(count: number, deviation = 1): Float32Array {
    return Float32Array.from(
      { length: count },
      () => deviation * Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next()),
    )
  }
}
