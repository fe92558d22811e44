export type { KvCache } from '@cria/attention-variants'
export {
  type Checkpoint,
  CheckpointError,
  ConversionError,
  type GenerationSettings,
  generationSettings,
  MalformedFileError,
  type Progress,
  SourceError,
  UnsupportedModelError,
} from '@cria/checkpoint'
export { type DType, encodableDTypes } from '@cria/dtypes'
export type { Architecture, LlamaConfig } from '@cria/llama'
export { llama2Architecture } from '@cria/llama2'
export {
  type FinishReason,
  type GenerateTextOptions,
  type Generation,
  LogitsError,
  OptionError,
  PromptError,
  type Token,
} from '@cria/sampling'
export {
  type Device,
  DeviceFailedError,
  type DeviceName,
  type DeviceReport,
  DeviceUnavailableError,
  deviceNames,
  listDevices,
  openDevice,
} from '@cria/tensor'
export { TokenizerFormatError, UnsupportedTokenizerError } from '@cria/tokenizer'
export { describeConfig, type ModelDescription, planDecode, publishedSizes } from './describe'
export { LoadError } from './errors'
export { type ModelFile, type ModelLocation, openLocation, readTokenizerFile } from './files'
export { loadModel, loadWeights, readTokenizer } from './load'
export type { LoadOptions } from './load-options'
export { Model } from './model'
