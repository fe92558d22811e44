export {
  checkTrainingConfig,
  type LoraOptions,
  stepsOf,
  type TrainingConfig,
  type TrainingSettings,
  warmupOf,
} from './config'
export { type Batch, batchOf, type TrainingData, type TrainingRow } from './data'
export { NonFiniteError, ResumeError, RunLockedError, TrainingConfigError, TrainingDataError } from './errors'
export { type EvaluationOptions, evaluate, type TextEncoder } from './evaluate'
export { initialiseWeights } from './initial'
export type { Evaluation, LogEntry, Sample, TrainingStep } from './log'
export { Lora } from './lora'
export { type AdamWOptions, adamW, type Optimizer, type OptimizerState, type Update } from './optimizer'
export { type Schedule, type WarmupCosine, warmupCosine } from './schedule'
export { Trainer, type TrainerOptions, type TrainerState, train } from './trainer'
