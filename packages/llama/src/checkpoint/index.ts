export { type MemoryLlamaOptions, memoryLlama } from './memory'
export { isDerivedTensor, type LlamaWeight, llamaTensors, llamaWeights } from './names'
export { poolKvHeads } from './pool-kv-heads'
export {
  chooseArchitecture,
  hasModelType,
  type LlamaWeights,
  openLlama,
  type ReadConfigOptions,
  readLlamaConfig,
} from './read'
export { halvesRow, interleavedRow } from './rotary-rows'
export {
  type WriteGgufOptions,
  type WriteHuggingFaceOptions,
  writeGguf,
  writeHuggingFace,
  writeLlama2c,
} from './write'
