import type { Kernels } from './kernels'
import type { Memory } from './memory'

/**
 * Which values the second operand of the runtime's relaxed int8 dot product may have, if the first is a signed int8:
 * any unsigned byte, any signed byte, only 7 bits, or none because the instruction does not exist or is wrong.
 */
export type Int8Dot = 'unsigned8' | 'signed8' | 'unsigned7' | 'none'

export interface Probed {
  readonly int8Dot: Int8Dot
  /** Whether f32 multiply-adds round once, because they are one instruction. */
  readonly fma: boolean
}

/** Enough calls that the runtime optimises the probe as it will optimise the kernels: its compilers may give different results. */
const ROUNDS = 2000

/**
 * Computes sums whose result the specification leaves open, and finds out by the results what the machine does
 * (https://github.com/WebAssembly/relaxed-simd). `kernels` are of the relaxed build, bound to `memory`.
 */
export const probe = (kernels: Kernels, memory: Memory): Probed => {
  const pointer = memory.alloc(48)
  try {
    const accepts = (low: number, high: number): boolean => {
      for (let round = 0; round < ROUNDS; round++)
        if (!dotIsExact(kernels, memory, pointer, low, high, round)) return false
      return true
    }
    const fma = roundsOnce(kernels, memory, pointer)
    if (!accepts(0, 127)) return { int8Dot: 'none', fma }
    if (accepts(0, 255)) return { int8Dot: 'unsigned8', fma }
    return { int8Dot: accepts(-128, 127) ? 'signed8' : 'unsigned7', fma }
  } finally {
    memory.free(pointer)
  }
}

/** One product with second operands from `low` to `high`. The first rounds hold the extremes, at which narrow sums saturate. */
const dotIsExact = (
  kernels: Kernels,
  memory: Memory,
  pointer: number,
  low: number,
  high: number,
  round: number,
): boolean => {
  const pick = (i: number, from: number, to: number, bit: number): number => {
    if (round < 4) return round & bit ? to : from
    return from + (((Math.imul(i + 1, 40_503) + Math.imul(round, 9973)) >>> 3) % (to - from + 1))
  }
  const a = Array.from({ length: 16 }, (_, i) => pick(i, -128, 127, 1))
  const b = Array.from({ length: 16 }, (_, i) => pick(i + 16, low, high, 2))
  memory.u8(pointer, 16).set(a)
  memory.u8(pointer + 16, 16).set(b)
  const sums = new Int32Array(memory.memory.buffer, pointer + 32, 4)
  sums.fill(round)
  kernels.probeDot(pointer, pointer + 16, pointer + 32)
  return sums.every((sum, lane) => {
    let expected = round
    for (let i = 4 * lane; i < 4 * lane + 4; i++) expected += a[i] * b[i]
    return sum === expected
  })
}

/** (1 + 2^-12)² - (1 + 2^-11) is 2^-24 with one rounding, and 0 with two. */
const roundsOnce = (kernels: Kernels, memory: Memory, pointer: number): boolean => {
  memory.f32(pointer, 8).fill(1 + 2 ** -12)
  const sums = memory.f32(pointer + 32, 4)
  sums.fill(-(1 + 2 ** -11))
  kernels.probeMadd(pointer, pointer + 16, pointer + 32)
  return sums.every(sum => sum === 2 ** -24)
}
