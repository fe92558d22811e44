export { type FileFormat, type MixtureConfig, parseMixtureConfig, type SourceConfig, type SourceFiles } from './config'
export type { Bytes } from './documents/bytes'
export { type DecompressOptions, decompressed, type Gunzip } from './documents/decompress'
export { type FieldOptions, jsonlDocuments } from './documents/jsonl'
export { type ParquetFile, parquetDocuments } from './documents/parquet'
export { type TextOptions, textDocuments } from './documents/text'
export { DuplicateFinder, type DuplicateMatch, type DuplicateOptions } from './duplicates'
export {
  DataMixtureError,
  DocumentError,
  MixtureConfigError,
  MixtureStateError,
  ShardError,
  SourceSizeError,
  VocabularyError,
  WriteError,
} from './errors'
export { llamaMixture, type PublishedSource } from './llama'
export type { InputManifest, ShardManifest, SplitManifest, TokenizeSettings, TokensManifest } from './manifest'
export {
  createMixture,
  type Mixture,
  type MixtureOptions,
  type MixtureSource,
  type MixtureState,
  type Row,
  type RowsOptions,
  type SourceSummary,
  type SourceUse,
} from './mixture'
export { type MixturePlan, type PlannedSource, planMixture, type SourcePlan } from './plan'
export { type MemoryTokensOptions, memoryTokens, type TokenStore } from './tokens/token-store'
export { type TokenizedSource, tokenizeInMemory } from './tokens/tokenize-in-memory'
export {
  type DocumentTokenizer,
  type EncodeDocumentsOptions,
  type EncodedDocument,
  encodeDocuments,
  type Split,
  type TokenizerIdentity,
  tokenizerDifference,
  tokenizerIdentity,
} from './tokens/tokenizer'
