import type { WeightDType } from '../dtypes'
import { halfOfBits, numberToHalf } from './half'

/**
 * Writes `count` elements (whole blocks) of `values` from element `from`, encoded, to `out` at byte `at`.
 * Returns the first value that the type cannot hold, or undefined: one beyond f16, or in a block any that is not finite.
 */
export type Encode = (
  values: Float32Array,
  from: number,
  count: number,
  out: Uint8Array,
  at: number,
) => number | undefined

const encodeF32: Encode = (values, from, count, out, at) => {
  out.set(new Uint8Array(values.buffer, values.byteOffset + from * 4, count * 4), at)
  return undefined
}

const overflows = (half: number, value: number) => (half & 0x7fff) === 0x7c00 && Number.isFinite(value)

const encodeF16: Encode = (values, from, count, out, at) => {
  const bits = new Uint32Array(values.buffer, values.byteOffset + from * 4, count)
  const halves = new Uint16Array(out.buffer, out.byteOffset + at, count)
  let lost: number | undefined
  for (let i = 0; i < count; i++) {
    const half = halfOfBits(bits[i])
    halves[i] = half
    if (overflows(half, values[from + i])) lost ??= values[from + i]
  }
  return lost
}

/** As C's roundf: half away from zero. */
const round = (x: number) => (x < 0 ? x - 0.5 : x + 0.5) | 0

/** d = max |x| / 127 in f16, and round(x / d) as 32 signed bytes: ggml's reference quantisation of q8_0, bit for bit. */
const encodeQ8_0: Encode = (values, from, count, out, at) => {
  let lost: number | undefined
  for (const end = from + count; from < end; from += 32, at += 34) {
    let largest = 0
    let sum = 0
    for (let i = 0; i < 32; i++) {
      const magnitude = Math.abs(values[from + i])
      sum += magnitude
      if (magnitude > largest) largest = magnitude
    }
    const d = Math.fround(largest / 127)
    const inverse = d ? Math.fround(1 / d) : 0
    const half = numberToHalf(d)
    // A sum of 32 f32 magnitudes is finite unless one of them is not.
    if (overflows(half, largest) || !Number.isFinite(sum)) lost ??= overflows(half, largest) ? largest : sum
    out[at] = half & 255
    out[at + 1] = half >> 8
    for (let i = 0; i < 32; i++) out[at + 2 + i] = round(Math.fround(values[from + i] * inverse))
  }
  return lost
}

/** A value as a nibble around 8; the largest on the other side of zero is cut to 15. */
const nibble = (value: number, inverse: number) => Math.min(15, Math.fround(Math.fround(value * inverse) + 8.5) | 0)

/** d = (the value of largest magnitude) / -8 in f16, and min(15, trunc(x / d + 8.5)) as nibbles: ggml's q4_0. */
const encodeQ4_0: Encode = (values, from, count, out, at) => {
  let lost: number | undefined
  for (const end = from + count; from < end; from += 32, at += 18) {
    let largest = 0
    let sum = 0
    for (let i = 0; i < 32; i++) {
      const value = values[from + i]
      sum += Math.abs(value)
      if (Math.abs(value) > Math.abs(largest)) largest = value
    }
    const d = Math.fround(largest / -8)
    const inverse = d ? Math.fround(1 / d) : 0
    const half = numberToHalf(d)
    if (overflows(half, largest) || !Number.isFinite(sum)) lost ??= overflows(half, largest) ? largest : sum
    out[at] = half & 255
    out[at + 1] = half >> 8
    for (let i = 0; i < 16; i++) {
      out[at + 2 + i] = nibble(values[from + i], inverse) | (nibble(values[from + i + 16], inverse) << 4)
    }
  }
  return lost
}

export const encoders: Readonly<Record<WeightDType, Encode>> = {
  f32: encodeF32,
  f16: encodeF16,
  q8_0: encodeQ8_0,
  q4_0: encodeQ4_0,
}
