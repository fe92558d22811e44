import { Random } from '@cria/vitest/random'
import type { Op, Values } from '../../src/op'
import { type Shape, sizeOf } from '../../src/shape'

/** Values of an input, and the type in which it is uploaded. */
export interface Input extends Values {
  readonly dtype: 'f32' | 'i32'
}

/** One call of an op, to be held against its reference. */
export interface Case {
  readonly op: Op
  readonly inputs: readonly Input[]
  readonly attributes: unknown
  /** The usual size of its results. Errors are relative to this, because sums that cancel keep the rounding errors of their terms. */
  readonly typical?: number
}

/** Random inputs from a seed, so that a failure can be drawn again. */
export class Draw extends Random {
  /** Standard normal values. */
  normal(...shape: number[]): Input {
    return this.#fill(shape, () => this.gaussian())
  }

  /** Integers from 0 to below `below`. */
  ids(below: number, ...shape: number[]): Input {
    return this.integers(shape, () => this.integer(0, below - 1))
  }

  /** `count` different integers below `below`, in random order. */
  distinct(count: number, below: number): Input {
    const all = Array.from({ length: below }, (_, i) => i)
    for (let i = 0; i < count; i++) {
      const other = this.integer(i, below - 1)
      ;[all[i], all[other]] = [all[other], all[i]]
    }
    return this.integers([count], i => all[i])
  }

  integers(shape: Shape, value: (i: number) => number): Input {
    return { shape, dtype: 'i32', data: Int32Array.from({ length: sizeOf(shape) }, (_, i) => value(i)) }
  }

  #fill(shape: Shape, value: () => number): Input {
    return { shape, dtype: 'f32', data: Float32Array.from({ length: sizeOf(shape) }, value) }
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

/** A case of an op. */
export const made = <A>(op: Op<A>, inputs: readonly Input[], attributes: A, typical = 0): Case => ({
  op: op as Op,
  inputs,
  attributes,
  typical,
})
