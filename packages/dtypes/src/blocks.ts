import { halfTable } from './half'

/**
 * Decodes whole blocks until `out` is full.
 * The definitions are ggml's block formats (GGUF specification, `ggml_type`). Sums are exact in double precision, so only
 * the final rounding to f32 remains, as in C.
 */
export type Decoder = (bytes: Uint8Array, out: Float32Array) => void

const half = (bytes: Uint8Array, at: number) => halfTable()[bytes[at] | (bytes[at + 1] << 8)]

/** Block of 32: d (f16), 16 bytes; element i is the low nibble of byte i, i + 16 the high one; (q - 8) · d. */
export const decodeQ4_0: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 18, at += 32) {
    const d = half(bytes, p)
    for (let i = 0; i < 16; i++) {
      const q = bytes[p + 2 + i]
      out[at + i] = ((q & 15) - 8) * d
      out[at + 16 + i] = ((q >> 4) - 8) * d
    }
  }
}

/** As q4_0 with a minimum: d, m (f16), 16 bytes; q · d + m. */
export const decodeQ4_1: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 20, at += 32) {
    const d = half(bytes, p)
    const m = half(bytes, p + 2)
    for (let i = 0; i < 16; i++) {
      const q = bytes[p + 4 + i]
      out[at + i] = (q & 15) * d + m
      out[at + 16 + i] = (q >> 4) * d + m
    }
  }
}

const uint32 = (bytes: Uint8Array, p: number) =>
  bytes[p] | (bytes[p + 1] << 8) | (bytes[p + 2] << 16) | (bytes[p + 3] << 24)

/** d (f16), the fifth bits of all 32 elements (u32), 16 bytes of nibbles; (q - 16) · d. */
export const decodeQ5_0: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 22, at += 32) {
    const d = half(bytes, p)
    const fifth = uint32(bytes, p + 2)
    for (let i = 0; i < 16; i++) {
      const q = bytes[p + 6 + i]
      out[at + i] = (((q & 15) | (((fifth >>> i) & 1) << 4)) - 16) * d
      out[at + 16 + i] = (((q >> 4) | (((fifth >>> (i + 16)) & 1) << 4)) - 16) * d
    }
  }
}

/** As q5_0 with a minimum: d, m (f16), fifth bits, nibbles; q · d + m. */
export const decodeQ5_1: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 24, at += 32) {
    const d = half(bytes, p)
    const m = half(bytes, p + 2)
    const fifth = uint32(bytes, p + 4)
    for (let i = 0; i < 16; i++) {
      const q = bytes[p + 8 + i]
      out[at + i] = ((q & 15) | (((fifth >>> i) & 1) << 4)) * d + m
      out[at + 16 + i] = ((q >> 4) | (((fifth >>> (i + 16)) & 1) << 4)) * d + m
    }
  }
}

/** d (f16), 32 signed bytes; q · d. */
export const decodeQ8_0: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 34, at += 32) {
    const d = half(bytes, p)
    for (let i = 0; i < 32; i++) out[at + i] = ((bytes[p + 2 + i] << 24) >> 24) * d
  }
}
