export { ContextOverflowError, type KvCache } from '@cria/attention-variants'
export { type ChatMessage, ChatTemplateError } from '@cria/chat-template'
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
export { ConfigError, ParameterError, TokenIdsError } from '@cria/layers'
export type { Architecture, LlamaConfig } from '@cria/llama'
export { llama2Architecture } from '@cria/llama2'
export {
  type FinishReason,
  type GenerateTextOptions,
  type Generation,
  LogitsError,
  OptionError,
  PromptError,
  SessionError,
  type Token,
} from '@cria/sampling'
export {
  type Device,
  DeviceClosedError,
  DeviceFailedError,
  DeviceLostError,
  type DeviceName,
  type DeviceReport,
  DeviceUnavailableError,
  DisposedError,
  deviceNames,
  listDevices,
  OutOfMemoryError,
  openDevice,
  type Precision,
  ShapeError,
  type Tune,
  type TunedChoice,
  type TuningReport,
  UnsupportedOpError,
} from '@cria/tensor'
export { SpecialTokenError, TokenIdError, TokenizerFormatError, UnsupportedTokenizerError } from '@cria/tokenizer'
export { type ChatOptions, ChatSession, type ChatSessionOptions } from './chat'
export { describeConfig, type ModelDescription, planDecode, publishedSizes, tuneFor } from './describe'
export { ChatError, LoadError, WorkerError } from './errors'
export { type ModelFile, type ModelLocation, openLocation, readTokenizerFile } from './files'
export type { Inspection, InspectOptions, Values } from './inspect'
export { type LoadedNetwork, loadNetwork, readTokenizer } from './load'
export { type LoadOptions, loadModel, type WorkerOption } from './load-model'
export { Model } from './model'
export type { GenerateOptions } from './text-model'
export { loadWeights } from './weights'
export type { PlatformWorker } from './worker/ports'
export type { DeviceFacts } from './worker/protocol'
export type { WorkerModel } from './worker/worker-model'
