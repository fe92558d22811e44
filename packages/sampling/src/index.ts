export { type Answer, Batch, type BatchItem, TextBatch } from './batch'
export { argMax, draw, logSumExp } from './distribution'
export { LogitsError, OptionError, PromptError, SessionError } from './errors'
export { nextTurn } from './event-loop'
export { generate } from './generate'
export { type BatchOptions, generateBatch, generateTextBatch } from './generate-batch'
export { checkGenerateTextOptions, type GenerateTextOptions, generateText, type TextCodec } from './generate-text'
export {
  type FinishReason,
  Generation,
  type GenerationStats,
  type Stopped,
  TextGeneration,
  type Token,
  type TokenLogprob,
} from './generation'
export { checkOptions, generationOptions } from './options/check'
export type { Flag, Option, OptionsOf } from './options/kinds'
export { batchOptions, type LogitBias, type SamplerName, samplerNames, samplingOptions } from './options/table'
export { type Random, xorshift } from './random'
export { type SamplerContext, type SamplingOptions, samplerOf } from './sampler-of'
export { chain, type Sampler } from './samplers/chain'
export {
  frequencyPenalty,
  logitBias,
  type PenaltyScope,
  presencePenalty,
  repetitionPenalty,
} from './samplers/penalties'
export { type DryOptions, dry, noRepeatNgram } from './samplers/repeats'
export { minP, temperature, topK, topP, typicalP } from './samplers/truncation'
export { type XtcOptions, xtc } from './samplers/xtc'
export type { DrawRequest, GreedyRequest, PassRequest, SequenceModel, TokenSequence } from './sequence'
export { createSession, Session } from './session'
export type { GenerateOptions } from './settings'
