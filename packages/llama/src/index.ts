export { type LlamaConfig, llamaSizes, type ResolvedConfig, resolveConfig } from './config'
export { type AttentionOf, Llama, TransformerBlock } from './llama'
