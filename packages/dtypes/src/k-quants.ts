import type { Decoder } from './blocks'
import { halfTable } from './half'

/** Superblocks of 256 elements whose sub-blocks have quantised scales (ggml's k-quants, llama.cpp pull request 1684). */
const superblock = 256

const half = (bytes: Uint8Array, at: number) => halfTable()[bytes[at] | (bytes[at + 1] << 8)]

/** Where the 2-bit quants of sub-block `sub` (16 elements) begin, after those of its 128 elements, and their shift. */
const pairByte = (sub: number) => (sub >> 3) * 32 + (sub & 1) * 16
const pairShift = (sub: number) => sub & 6

/** 16 bytes of scale (low nibble) and minimum (high) for 16 elements each, 64 bytes of 2-bit quants, d, dmin. */
export const decodeQ2K: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 84, at += superblock) {
    const d = half(bytes, p + 80)
    const dmin = half(bytes, p + 82)
    for (let sub = 0; sub < 16; sub++) {
      const scale = d * (bytes[p + sub] & 15)
      const minimum = dmin * (bytes[p + sub] >> 4)
      const quants = p + 16 + pairByte(sub)
      const shift = pairShift(sub)
      for (let i = 0; i < 16; i++) out[at + sub * 16 + i] = scale * ((bytes[quants + i] >> shift) & 3) - minimum
    }
  }
}

/** 32 bytes of third bits (a clear bit subtracts 4), 64 bytes of 2-bit quants, 16 six-bit scales in 12 bytes, d. */
export const decodeQ3K: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 110, at += superblock) {
    const d = half(bytes, p + 108)
    const scales = p + 96
    for (let sub = 0; sub < 16; sub++) {
      const low = sub < 8 ? bytes[scales + sub] & 15 : bytes[scales + sub - 8] >> 4
      const high = (bytes[scales + 8 + (sub & 3)] >> (2 * (sub >> 2))) & 3
      const scale = d * ((low | (high << 4)) - 32)
      const quants = p + 32 + pairByte(sub)
      const shift = pairShift(sub)
      const thirds = p + (sub & 1) * 16
      for (let i = 0; i < 16; i++) {
        const third = (bytes[thirds + i] >> (sub >> 1)) & 1
        out[at + sub * 16 + i] = scale * (((bytes[quants + i] >> shift) & 3) - (third ? 0 : 4))
      }
    }
  }
}

/** Scale `j` of the 12 bytes in which q4_k and q5_k pack 8 six-bit scales and 8 six-bit minima. */
const packedScale = (bytes: Uint8Array, p: number, j: number) =>
  j < 4 ? bytes[p + j] & 63 : (bytes[p + j + 4] & 15) | ((bytes[p + j - 4] >> 6) << 4)

const packedMinimum = (bytes: Uint8Array, p: number, j: number) =>
  j < 4 ? bytes[p + j + 4] & 63 : (bytes[p + j + 4] >> 4) | ((bytes[p + j] >> 6) << 4)

/** d, dmin, 12 bytes of scales and minima for 32 elements each, 128 bytes of nibbles. */
export const decodeQ4K: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 144, at += superblock) {
    const d = half(bytes, p)
    const dmin = half(bytes, p + 2)
    for (let sub = 0; sub < 8; sub++) {
      const scale = d * packedScale(bytes, p + 4, sub)
      const minimum = dmin * packedMinimum(bytes, p + 4, sub)
      const quants = p + 16 + (sub >> 1) * 32
      const shift = 4 * (sub & 1)
      for (let i = 0; i < 32; i++) out[at + sub * 32 + i] = scale * ((bytes[quants + i] >> shift) & 15) - minimum
    }
  }
}

/** As q4_k with 32 bytes of fifth bits before the nibbles. */
export const decodeQ5K: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 176, at += superblock) {
    const d = half(bytes, p)
    const dmin = half(bytes, p + 2)
    for (let sub = 0; sub < 8; sub++) {
      const scale = d * packedScale(bytes, p + 4, sub)
      const minimum = dmin * packedMinimum(bytes, p + 4, sub)
      const quants = p + 48 + (sub >> 1) * 32
      const shift = 4 * (sub & 1)
      for (let i = 0; i < 32; i++) {
        const q = ((bytes[quants + i] >> shift) & 15) | (((bytes[p + 16 + i] >> sub) & 1) << 4)
        out[at + sub * 32 + i] = scale * q - minimum
      }
    }
  }
}

/** 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales for 16 elements each, d; (q - 32) · d · scale. */
export const decodeQ6K: Decoder = (bytes, out) => {
  for (let p = 0, at = 0; at < out.length; p += 210, at += superblock) {
    const d = half(bytes, p + 208)
    for (let sub = 0; sub < 16; sub++) {
      const scale = d * ((bytes[p + 192 + sub] << 24) >> 24)
      const quarter = (sub >> 1) & 3
      const low = p + (sub >> 3) * 64 + (quarter & 1) * 32 + (sub & 1) * 16
      const lowShift = 4 * (quarter >> 1)
      const high = p + 128 + pairByte(sub)
      for (let i = 0; i < 16; i++) {
        const q = ((bytes[low + i] >> lowShift) & 15) | (((bytes[high + i] >> (2 * quarter)) & 3) << 4)
        out[at + sub * 16 + i] = scale * (q - 32)
      }
    }
  }
}
