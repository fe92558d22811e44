export type {
  Checkpoint,
  GgufVocabulary,
  Progress,
  ReadTensorOptions,
  ReadTensorsOptions,
  TensorData,
  TensorInfo,
  Vocabulary,
  VocabularyFile,
} from './checkpoint'
export { readTensors } from './checkpoint'
export type { ModelConfig, RopeScaling } from './config'
export { checkConfig, feedForwardDim, headDim } from './config'
export type { DType, WeightDType } from './dtypes'
export { blockElements, storageDType, weightDTypes } from './dtypes'
export {
  CheckpointError,
  ConversionError,
  MalformedFileError,
  SaveError,
  SourceError,
  UnsupportedModelError,
} from './errors'
export { readGgufVocabulary } from './formats/gguf-reader'
export { type WriteGgufOptions, writeGguf } from './formats/gguf-writer'
export { type WriteHuggingFaceOptions, writeHuggingFace } from './formats/huggingface-writer'
export { writeLlama2c } from './formats/llama2c-writer'
export {
  readSafetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
  type SafetensorsInput,
  writeSafetensors,
} from './formats/safetensors'
export { type MemoryCheckpointOptions, memoryCheckpoint } from './memory-checkpoint'
export { type Weight, weightsOf } from './names'
export { type OpenOptions, openCheckpoint, readVocabularyFile } from './open'
export { openUrl } from './open-url'
export { bytesFile, type OutputFile, outputBytes } from './output-file'
export { poolKvHeads } from './pool-kv-heads'
export { halvesRow, interleavedRow } from './rope-permutation'
export { blobSource } from './sources/blob'
export { type HttpSourceOptions, httpSource } from './sources/http'
export { memorySource } from './sources/memory'
export { baseName, type ReadBytesOptions, type Source } from './sources/source'
