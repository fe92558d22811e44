export type { Architecture } from './architecture'
export {
  chooseArchitecture,
  halvesRow,
  hasModelType,
  interleavedRow,
  isDerivedTensor,
  type LlamaWeight,
  type LlamaWeights,
  llamaTensors,
  llamaWeights,
  type MemoryLlamaOptions,
  memoryLlama,
  openLlama,
  poolKvHeads,
  type ReadConfigOptions,
  readLlamaConfig,
  type WriteGgufOptions,
  type WriteHuggingFaceOptions,
  writeGguf,
  writeHuggingFace,
  writeLlama2c,
} from './checkpoint'
export { type LlamaConfig, llamaSizes, type ResolvedConfig, resolveConfig } from './config'
export { Llama, type LlamaOptions, TransformerBlock } from './llama'
