// The documents of the referees, by a formula that the script which writes them and the test share.

/** Bytes as tokens; 256 and 257 are BOS and EOS. With an offset, ids take 32 bits. */
export const byteTokenizer = (offset = 0) => ({
  encode: text => Array.from(new TextEncoder().encode(text), byte => byte + offset),
  bosId: 256 + offset,
  eosId: 257 + offset,
  vocabSize: 258 + offset,
})

const words = (count, i) => Array.from({ length: count }, (_, j) => `llama ${i * j} naïve 🦙`).join(' ')

/** Texts of very different length. */
export const documents = name => Array.from({ length: 60 }, (_, i) => `${name} ${i}: ${words((i * i) % 17, i)}.`)

export const rowTokens = 32
export const mixtureSeed = 11
export const rows = 500
export const rowsPerFile = 200
