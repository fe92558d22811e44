import { byteLength, type DType, dtypes } from './dtypes'
import { EncodingError } from './errors'
import { bfloatOfFloatBits, floatToHalf, halfOfFloatBits } from './half'

/** The types that Cria writes. */
export type EncodableDType = 'f32' | 'f16' | 'bf16' | 'q8_0' | 'q4_0'

/** Encodes all values. `out` has exactly the room, at an offset that fits the type's alignment. */
type Encoder = (values: Float32Array, out: Uint8Array) => void

const encodeF32: Encoder = (values, out) => out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))

const infiniteHalf = (half: number) => (half & 0x7fff) === 0x7c00

/** The typed arrays that 2-byte floats are converted with: the bits of the values, and the results. */
const bitsAndHalves = (values: Float32Array, out: Uint8Array) => ({
  bits: new Uint32Array(values.buffer, values.byteOffset, values.length),
  halves: new Uint16Array(out.buffer, out.byteOffset, values.length),
})

const encodeF16: Encoder = (values, out) => {
  const { bits, halves } = bitsAndHalves(values, out)
  for (let i = 0; i < halves.length; i++) {
    const half = halfOfFloatBits(bits[i])
    halves[i] = half
    if (infiniteHalf(half) && Number.isFinite(values[i])) throw new EncodingError('f16', values[i])
  }
}

const encodeBF16: Encoder = (values, out) => {
  const { bits, halves } = bitsAndHalves(values, out)
  for (let i = 0; i < halves.length; i++) {
    halves[i] = bfloatOfFloatBits(bits[i])
    if ((halves[i] & 0x7fff) === 0x7f80 && Number.isFinite(values[i])) throw new EncodingError('bf16', values[i])
  }
}

/** Rounds as C's roundf: half away from zero. */
const round = (x: number) => (x < 0 ? x - 0.5 : x + 0.5) | 0

/** Writes the f16 scale of a block. `sum` is finite unless one of the block's values is not. */
const writeScale = (dtype: DType, scale: number, largest: number, sum: number, out: Uint8Array, at: number) => {
  const half = floatToHalf(scale)
  if (!Number.isFinite(sum)) throw new EncodingError(dtype, sum)
  if (infiniteHalf(half)) throw new EncodingError(dtype, largest)
  out[at] = half & 255
  out[at + 1] = half >> 8
}

/** d = max |x| / 127 in f16, and round(x / d) as 32 signed bytes: ggml's reference quantisation of q8_0, bit for bit. */
const encodeQ8_0: Encoder = (values, out) => {
  for (let from = 0, at = 0; from < values.length; from += 32, at += 34) {
    let largest = 0
    let sum = 0
    for (let i = 0; i < 32; i++) {
      const magnitude = Math.abs(values[from + i])
      sum += magnitude
      if (magnitude > largest) largest = magnitude
    }
    const d = Math.fround(largest / 127)
    const inverse = d ? Math.fround(1 / d) : 0
    writeScale('q8_0', d, largest, sum, out, at)
    for (let i = 0; i < 32; i++) out[at + 2 + i] = round(Math.fround(values[from + i] * inverse))
  }
}

/** A value as a nibble around 8; the largest on the other side of zero is cut to 15. */
const nibble = (value: number, inverse: number) => Math.min(15, Math.fround(Math.fround(value * inverse) + 8.5) | 0)

/** d = (the value of largest magnitude) / -8 in f16, and min(15, trunc(x / d + 8.5)) as nibbles: ggml's q4_0. */
const encodeQ4_0: Encoder = (values, out) => {
  for (let from = 0, at = 0; from < values.length; from += 32, at += 18) {
    let largest = 0
    let sum = 0
    for (let i = 0; i < 32; i++) {
      const value = values[from + i]
      sum += Math.abs(value)
      if (Math.abs(value) > Math.abs(largest)) largest = value
    }
    const d = Math.fround(largest / -8)
    const inverse = d ? Math.fround(1 / d) : 0
    writeScale('q4_0', d, largest, sum, out, at)
    for (let i = 0; i < 16; i++) {
      out[at + 2 + i] = nibble(values[from + i], inverse) | (nibble(values[from + i + 16], inverse) << 4)
    }
  }
}

const encoders: Readonly<Record<EncodableDType, Encoder>> = {
  f32: encodeF32,
  f16: encodeF16,
  bf16: encodeBF16,
  q8_0: encodeQ8_0,
  q4_0: encodeQ4_0,
}

/** The types that `encode` writes. */
export const encodableDTypes = Object.keys(encoders) as readonly EncodableDType[]

/**
 * Encodes numbers, whose count is a multiple of the type's `blockElements`, into `out`, or into new memory.
 * @throws EncodingError if the type cannot hold a value
 * @throws RangeError if the values are not whole blocks, or `out` has the wrong length
 */
export const encode = (
  dtype: EncodableDType,
  values: Float32Array,
  out: Uint8Array = new Uint8Array(byteLength(dtype, values.length)),
): Uint8Array => {
  const { blockElements } = dtypes[dtype]
  if (values.length % blockElements !== 0 || out.length !== byteLength(dtype, values.length)) {
    throw new RangeError(
      `${values.length} elements of ${dtype}, in whole blocks of ${blockElements}, do not fill ${out.length} bytes`,
    )
  }
  encoders[dtype](values, out)
  return out
}
