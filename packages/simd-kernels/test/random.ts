import { Random as Numbers } from '@cria/vitest/random'

/** Random numbers from a seed, and arrays of them. */
export class Random extends Numbers {
  /** Normally distributed f32 numbers. */
  normal(count: number, deviation = 1): Float32Array {
    return Float32Array.from({ length: count }, () => deviation * this.gaussian())
  }
}
