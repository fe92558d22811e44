const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

const convertHalf = (half: number): number => {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Infinity
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

let table: Float32Array<ArrayBuffer> | undefined

/** All 65,536 halves as f32, indexed by their bits; computed on first use. A lookup is faster than any arithmetic. */
export const halfTable = (): Float32Array<ArrayBuffer> => {
  table ??= Float32Array.from({ length: 65536 }, (_, half) => convertHalf(half))
  return table
}

/** IEEE 754 binary16 bits to a number, including subnormals, infinities and NaN. */
export const halfToFloat = (bits: number): number => halfTable()[bits & 0xffff]

/** The bits of an f32 to the bits of the nearest half, ties to even. Values beyond 65504 become infinity. */
export const halfOfFloatBits = (bits: number): number => {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  // Rounds away the 13 bits that a half does not have. A carry into the exponent gives the right result.
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
  // Below 2^-14 a half is a whole number of 2^-24; up to 2^-25 that is 0.
  if (magnitude <= 0x33000000) return sign
  const shift = 126 - (magnitude >>> 23)
  const significand = (magnitude & 0x7fffff) | 0x800000
  return sign | ((significand + (1 << (shift - 1)) - 1 + ((significand >>> shift) & 1)) >>> shift)
}

/** A number, first rounded to f32, as the bits of the nearest half. */
export const floatToHalf = (value: number): number => {
  scratch[0] = value
  return halfOfFloatBits(scratchBits[0])
}

/** The bits of an f32 to the bits of the nearest bfloat16 (its upper half), ties to even. NaN stays NaN. */
export const bfloatOfFloatBits = (bits: number): number =>
  (bits & 0x7fffffff) > 0x7f800000 ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16

/** The bits of a bfloat16 to a number. */
export const bfloatToFloat = (bits: number): number => {
  scratchBits[0] = bits << 16
  return scratch[0]
}

/** A number, first rounded to f32, as the bits of the nearest bfloat16. */
export const floatToBfloat = (value: number): number => {
  scratch[0] = value
  return bfloatOfFloatBits(scratchBits[0])
}
