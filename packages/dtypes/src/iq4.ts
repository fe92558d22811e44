import type { Decoder } from './blocks'
import { halfTable } from './half'

/** The 16 levels of the iq4 types: unevenly spaced, dense around zero (llama.cpp's `kvalues_iq4nl`). */
const levels = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)

const half = (bytes: Uint8Array, at: number) => halfTable()[bytes[at] | (bytes[at + 1] << 8)]

/** Block of 32: d (f16), 16 bytes; element i is the low nibble of byte i, element i + 16 the high one; level · d. */
export const decodeIQ4NL: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 18, at += 32) {
    const d = half(bytes, p)
    for (let i = 0; i < 16; i++) {
      out[at + i] = d * levels[bytes[p + 2 + i] & 15]
      out[at + 16 + i] = d * levels[bytes[p + 2 + i] >> 4]
    }
  }
}

/**
 * Block of 256: d (f16), the upper two bits of eight scales (u16), their lower four bits (4 bytes), then per 32 elements
 * 16 bytes as in iq4_nl; level · d · (scale - 32).
 */
export const decodeIQ4XS: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 136, at += 256) {
    const d = half(bytes, p)
    const upper = bytes[p + 2] | (bytes[p + 3] << 8)
    for (let sub = 0; sub < 8; sub++) {
      const lower = (bytes[p + 4 + (sub >> 1)] >> (4 * (sub & 1))) & 15
      const scale = d * ((lower | (((upper >> (2 * sub)) & 3) << 4)) - 32)
      const quants = p + 8 + 16 * sub
      for (let i = 0; i < 16; i++) {
        out[at + 32 * sub + i] = scale * levels[bytes[quants + i] & 15]
        out[at + 32 * sub + 16 + i] = scale * levels[bytes[quants + i] >> 4]
      }
    }
  }
}
