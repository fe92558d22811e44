export type { KvCache } from '@cria/attention-variants'
export {
  CheckpointError,
  MalformedFileError,
  type Progress,
  SourceError,
  UnsupportedModelError,
  type WeightDType,
} from '@cria/checkpoint'
export type { LlamaConfig } from '@cria/llama'
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
export type { ModelLocation } from './files'
export { type LoadOptions, loadModel, loadWeights } from './load'
export { Model } from './model'
