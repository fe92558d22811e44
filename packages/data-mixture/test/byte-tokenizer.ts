import type { DocumentTokenizer } from '../src'

/** Each byte of UTF-8 is a token; 256 and 257 are BOS and EOS. With an offset, ids take more than 16 bits. */
export const byteTokenizer = (offset = 0): DocumentTokenizer => ({
  encode: text => Array.from(new TextEncoder().encode(text), byte => byte + offset),
  bosId: 256 + offset,
  eosId: 257 + offset,
  vocabSize: 258 + offset,
})
