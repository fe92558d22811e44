export type { AddedToken } from './added-tokens'
export { type DecodeOptions, TokenDecoder } from './decoder'
export {
  ExplanationError,
  SpecialTokenError,
  TokenIdError,
  TokenizerFormatError,
  TrainingError,
  UnsupportedTokenizerError,
} from './errors'
export type { ExplainedMerge, Explanation } from './explain'
export type { TokenizerFiles } from './formats/added-files'
export { type GgufVocabulary, readGgufVocabulary, writeGgufVocabulary } from './formats/gguf'
export { readLlama2c, writeLlama2c } from './formats/llama2c'
export { readSentencePiece, writeSentencePiece } from './formats/sentencepiece'
export { readTiktoken } from './formats/tiktoken'
export { readTokenizerJson } from './formats/tokenizer-json'
export { writeTokenizerJson } from './formats/tokenizer-json-writer'
export { type LoadTokenizerOptions, loadTokenizer } from './load'
export type { SplitName } from './splits'
export type { NormalizerStep, TextRules } from './text-rules'
export { type EncodeOptions, type EncodingWithOffsets, Tokenizer } from './tokenizer'
export { trainTokenizer } from './train'
export type { TrainingOptions, TrainingProgress } from './train/options'
export { type NormalizerFlags, PieceType, type SentencePieceRemainder, type Vocabulary } from './vocabulary'
