import type { GgufVocabulary } from '@cria/checkpoint'

/** GGUF's types of pieces. */
const NORMAL = 1
const UNKNOWN = 2
const CONTROL = 3
const BYTE = 6

/**
 * A vocabulary with the given number of pieces that every GGUF reader accepts: the three special ones, a piece for each byte, and
 * invented words. It is never used to tokenize, but llama.cpp does not load a model without one.
 */
export const syntheticVocabulary = (size: number): GgufVocabulary => {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
  const words = Array.from({ length: size - 259 }, (_, i) => `▁w${i}`)
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...words]
  return {
    kind: 'gguf',
    model: 'llama',
    tokens,
    scores: Float32Array.from(tokens, (_, id) => (id < 259 ? 0 : 259 - id)),
    types: Int32Array.from(tokens, (_, id) => (id === 0 ? UNKNOWN : id < 3 ? CONTROL : id < 259 ? BYTE : NORMAL)),
    bosId: 1,
    eosId: 2,
    unkId: 0,
    padId: undefined,
    addBos: true,
    addSpacePrefix: true,
    removeExtraWhitespaces: false,
    charsMap: undefined,
    chatTemplate: undefined,
  }
}
