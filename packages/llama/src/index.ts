export type { Architecture } from './architecture'
export * from './checkpoint'
export { type LlamaConfig, llamaSizes, type ResolvedConfig, resolveConfig } from './config'
export { Llama, type LlamaOptions, TransformerBlock } from './llama'
