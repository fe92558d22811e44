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
