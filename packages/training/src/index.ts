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
export type { Evaluation, LogEntry, Sample, TrainingStep } from './log'
export { type Schedule, type WarmupCosine, warmupCosine } from './schedule'
