export type {
  Checkpoint,
  Progress,
  ReadTensorOptions,
  StoredDType,
  TensorData,
  TensorInfo,
} from './checkpoint'
export {
  CheckpointError,
  ConversionError,
  MalformedFileError,
  type Place,
  SaveError,
  SourceError,
  UnsupportedModelError,
} from './errors'
export { type GgufEntry, type GgufFields, type GgufMetadata, type GgufValue, ggufFields } from './formats/gguf-metadata'
export { readGgufVocabulary } from './formats/gguf-reader'
export { type GgufVocabulary, padVocabulary, vocabularyEntries } from './formats/gguf-vocabulary'
export { writeGgufFile } from './formats/gguf-writer'
export { writeShardedSafetensors } from './formats/huggingface-writer'
export { type JsonFields, type JsonObject, jsonFields } from './formats/json'
export type { Llama2cHeader } from './formats/llama2c-layout'
export { writeLlama2cFile } from './formats/llama2c-writer'
export {
  readSafetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
  writeSafetensors,
} from './formats/safetensors'
export { type GenerationSettings, generationSettings, noGeneration, type SamplingSettings } from './generation'
export { generationEntries, generationFiles, type HuggingFaceGeneration, withGeneration } from './generation-output'
export type {
  GgufFileMetadata,
  HuggingFaceMetadata,
  Llama2cMetadata,
  Metadata,
  MetaMetadata,
} from './metadata'
export { type OpenOptions, openCheckpoint, readVocabulary } from './open'
export { hubUrl, type OpenUrlOptions, openUrl } from './open-url'
export { bytesFile, jsonFile, type OutputFile, type OutputTensor, outputBytes, vocabularyFiles } from './output-file'
export { blobSource } from './sources/blob'
export { type HttpSourceOptions, httpSource } from './sources/http'
export { memorySource } from './sources/memory'
export { baseName, isServerUrl, type ReadBytesOptions, type Source } from './sources/source'
export type { Vocabulary, VocabularyCompanions, VocabularyFile } from './vocabulary'
export {
  memoryWeights,
  type ReadWeightsOptions,
  readArray,
  readWeights,
  selectWeights,
  type WeightSpec,
  type Weights,
} from './weights'
