export {
  Attention,
  type AttentionOptions,
  type GroupedQueryOptions,
  groupedQueryAttention,
  multiHeadAttention,
  multiQueryAttention,
} from './attention'
export { type CacheOptions, CausalModel, type ForwardOptions } from './causal-model'
export { ContextOverflowError } from './errors'
export {
  type CacheShape,
  type CacheType,
  KvCache,
  type KvCacheOptions,
  type LayerCache,
  type Sequence,
  type SequenceOptions,
} from './kv-cache'
export {
  type Addition,
  extendSequences,
  type Observe,
  type Pass,
  packDocuments,
  type TokenList,
  type TokenListOptions,
  uploadPass,
} from './pass'
