export { type LlamaConfig, llamaSizes, type ResolvedConfig, resolveConfig } from './config'
export { Llama, type LlamaOptions, TransformerBlock } from './llama'
