/** A source of numbers, uniform in [0, 1). */
export type Random = () => number

/** 2^64 divided by the golden ratio. */
const GOLDEN = 0x9e3779b97f4a7c15n

/**
 * xorshift64*: the generator of Marsaglia (Xorshift RNGs, 2003) with the multiplier of Vigna (An experimental
 * exploration of Marsaglia's xorshift generators, scrambled, 2016). Its period is 2^64 - 1, and its arithmetic is of
 * integers, so a seed gives the same numbers on every platform. They are those of llama2.c for the same seed.
 *
 * @param seed a whole number from 0 to 2^53 - 1
 * @returns numbers of 24 random bits, in [0, 1)
 */
export const xorshift = (seed: number): Random => {
  // xorshift never leaves the state 0, so another seed replaces 0.
  let state = seed === 0 ? GOLDEN : BigInt(seed)
  return () => {
    state ^= state >> 12n
    state ^= BigInt.asUintN(64, state << 25n)
    state ^= state >> 27n
    const bits = BigInt.asUintN(64, state * 0x2545f4914f6cdd1dn) >> 40n
    return Number(bits) / 2 ** 24
  }
}

/** A random seed: 32 bits from the platform's own source of randomness. */
export const freshSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0]

/** A source of numbers that can be read ahead: a draft draws with the numbers that the model will use. */
export interface RandomStream {
  readonly next: Random
  /** A source that starts with the number that `next` returns next, without consuming it. */
  ahead(): Random
}

export const randomStream = (random: Random): RandomStream => {
  const readAhead: number[] = []
  return {
    next: () => readAhead.shift() ?? random(),
    ahead() {
      let at = 0
      return () => {
        if (at === readAhead.length) readAhead.push(random())
        return readAhead[at++]
      }
    },
  }
}

/**
 * The seed of one of several answers: the first answer has the seed itself, the others have numbers by SplitMix64
 * (Steele et al., Fast Splittable Pseudorandom Number Generators, 2014). Seeds that differ by one would begin alike: the
 * first numbers of xorshift are close to each other for those.
 *
 * @param index of the answer
 */
export const answerSeed = (seed: number, index: number): number => {
  if (index === 0) return seed
  let mixed = BigInt.asUintN(64, BigInt(seed) + GOLDEN * BigInt(index))
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n)
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn)
  return Number((mixed ^ (mixed >> 31n)) >> 11n)
}
