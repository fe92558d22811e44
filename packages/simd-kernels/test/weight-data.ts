import { byteLength, decode, dtypes } from '@cria/dtypes'
import type { WeightType } from '../src'
import type { Random } from './random'

/** Where the f16 scales and minima lie in GGUF's blocks, from the format, not from the kernels. */
const halves: Partial<Record<WeightType, readonly number[]>> = {
  q4_0: [0],
  q4_1: [0, 2],
  q5_0: [0],
  q5_1: [0, 2],
  q8_0: [0],
  iq4_nl: [0],
  q2_k: [80, 82],
  q3_k: [108],
  q4_k: [0, 2],
  q5_k: [0, 2],
  q6_k: [208],
  iq4_xs: [0],
}

/** Offsets of the f16 numbers in each block of `dtype`. */
export const scaleOffsets = (dtype: WeightType): readonly number[] => halves[dtype] ?? []

/** Puts the f16 number `half(block, i)` at scale i of each block. */
export const setScales = (dtype: WeightType, data: Uint8Array, half: (block: number, i: number) => number): void => {
  const { blockBytes } = dtypes[dtype]
  for (let block = 0; block * blockBytes < data.length; block++)
    for (const [i, at] of scaleOffsets(dtype).entries()) {
      const bits = half(block, i)
      data.set([bits & 255, bits >> 8], block * blockBytes + at)
    }
}

/** What the bytes of a weight are worth, in float64. */
export const numbersOf = (dtype: WeightType, data: Uint8Array, count: number): Float64Array => {
  const numbers = new Float32Array(count)
  decode(dtype, data, numbers)
  return Float64Array.from(numbers)
}

/**
 * A random weight as a file has it. Its f16 numbers are finite ones of all kinds: zeros, subnormals, and up to the greatest if
 * `greatest` is so.
 */
export const randomWeight = (random: Random, dtype: WeightType, out: number, columns: number, greatest = 0x53ff) => {
  const half = () => random.integer(0, random.integer(0, 1) ? greatest : 0x7ff) | (random.integer(0, 1) << 15)
  const data = new Uint8Array(byteLength(dtype, columns) * out)
  if (dtype === 'f32') new Float32Array(data.buffer).set(random.normal(out * columns, 0.1))
  else if (dtype === 'f16') new Uint16Array(data.buffer).set(Uint16Array.from({ length: data.length / 2 }, half))
  else if (dtype === 'bf16')
    new Uint16Array(data.buffer).set(
      new Uint16Array(random.normal(out * columns, 0.1).buffer).filter((_, i) => i % 2 === 1),
    )
  else {
    for (let i = 0; i < data.length; i++) data[i] = random.integer(0, 255)
    setScales(dtype, data, half)
  }
  return { weight: { dtype, out, in: columns, data }, values: numbersOf(dtype, data, out * columns) }
}

/** Columns that share a scale, of weights and so of activations. */
export const subBlock = (dtype: WeightType): number => (['q2_k', 'q3_k', 'q6_k'].includes(dtype) ? 16 : 32)
