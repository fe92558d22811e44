const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** IEEE 754 binary16 bits to a number, subnormals, infinities and NaN included. */
export const halfToNumber = (half: number): number => {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Infinity
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

let table: Float32Array | undefined

/** All 65,536 halves as f32, made on first use: a lookup is the fastest conversion that JavaScript has. */
export const halfTable = (): Float32Array => {
  table ??= Float32Array.from({ length: 65536 }, (_, half) => halfToNumber(half))
  return table
}

/** The bits of an f32 to those of the nearest half, ties to even; too large becomes infinity. */
export const halfOfBits = (bits: number): number => {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  // The 13 bits that go are rounded; a carry moves into the exponent, which is what it should do.
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
  // Below 2^-14 a half is a whole number of 2^-24; up to 2^-25 that is 0.
  if (magnitude <= 0x33000000) return sign
  const shift = 126 - (magnitude >>> 23)
  const significand = (magnitude & 0x7fffff) | 0x800000
  return sign | ((significand + (1 << (shift - 1)) - 1 + ((significand >>> shift) & 1)) >>> shift)
}

/** A number, rounded to f32, as binary16 bits. */
export const numberToHalf = (value: number): number => {
  scratch[0] = value
  return halfOfBits(scratchBits[0])
}
