import type { Op, Values } from '../../src/op'
import { type Shape, sizeOf } from '../../src/shape'

/** One call of an op, to be held against its reference. */
export interface Case {
  readonly op: Op
  readonly inputs: readonly Values[]
  readonly attributes: unknown
  /** The size that its results have as a rule. Sums that happen to cancel keep the rounding of their terms: errors are relative to this. */
  readonly typical?: number
}

/** Fresh random inputs from a seed (mulberry32), so that a failure can be drawn again. */
export class Draw {
  #state: number
  constructor(readonly seed: number) {
    this.#state = seed >>> 0
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  integer(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  /** Standard normal values (Box-Muller). */
  normal(...shape: number[]): Values {
    return this.#fill(shape, () => Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next()))
  }

  ids(below: number, ...shape: number[]): Values {
    return this.#fill(shape, () => this.integer(0, below - 1))
  }

  constant(value: number, ...shape: number[]): Values {
    return this.#fill(shape, () => value)
  }

  #fill(shape: Shape, value: () => number): Values {
    return { shape, data: Float32Array.from({ length: sizeOf(shape) }, value) }
  }
}

/** Sizes that find faults: 1, odd, around powers of two, not a multiple of 4. */
export const oddShapes: readonly (readonly number[])[] = [
  [1],
  [7],
  [64],
  [1, 1],
  [1, 5],
  [5, 1],
  [3, 3],
  [2, 31],
  [4, 64],
  [33, 65],
  [1, 257],
  [130, 3],
  [2, 3, 5],
  [1, 1, 1, 1],
  [2, 1, 4, 9],
  [3, 2, 5, 16],
]
