export { TokenDecoder } from './decoder'
export {
  SpecialTokenError,
  TokenIdError,
  TokenizerFormatError,
  TrainingError,
  UnsupportedTokenizerError,
} from './errors'
export { type GgufVocabulary, readGgufVocabulary, writeGgufVocabulary } from './formats/gguf'
export { readLlama2c, writeLlama2c } from './formats/llama2c'
export { readSentencePiece, writeSentencePiece } from './formats/sentencepiece'
export { readTokenizerJson, writeTokenizerJson } from './formats/tokenizer-json'
export { loadTokenizer } from './load'
export { type EncodeOptions, type EncodingWithOffsets, Tokenizer } from './tokenizer'
export { type TrainingOptions, type TrainingProgress, trainTokenizer } from './train'
export { type NormalizerFlags, PieceType, type SentencePieceRemainder, type Vocabulary } from './vocabulary'
