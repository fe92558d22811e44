export {
  Attention,
  type AttentionContext,
  type AttentionOptions,
  type GroupedQueryOptions,
  groupedQueryAttention,
  multiHeadAttention,
  multiQueryAttention,
} from './attention'
export { ContextOverflowError, KvCache, type KvCacheShape, type LayerCache } from './kv-cache'
