import { TrainingConfigError } from './errors'

/** The learning rate of a step; steps count from 1. */
export type Schedule = (step: number) => number

export interface WarmupCosine {
  /** The peak, reached when warm-up ends. */
  readonly learningRate: number
  /** Steps of linear warm-up; 2,000 in LLaMA. */
  readonly warmupSteps: number
  /** Steps of the whole run: the last one has `finalShare` of the peak. */
  readonly steps: number
  /** What is left of the peak at the end; 0.1 in LLaMA. */
  readonly finalShare?: number
}

/**
 * The schedule of LLaMA (section 2.3): linear warm-up to the peak, then a cosine down to a share of it (Loshchilov and Hutter
 * 2017).
 * @throws TrainingConfigError for a negative rate, or steps that are not whole
 */
export const warmupCosine = ({ learningRate, warmupSteps, steps, finalShare = 0.1 }: WarmupCosine): Schedule => {
  const check = (field: string, value: number, expected: string, holds: boolean) => {
    if (!holds) throw new TrainingConfigError(field, `is ${value}, expected ${expected}`)
  }
  check('learningRate', learningRate, 'a number of at least 0', learningRate >= 0 && learningRate < Infinity)
  check('steps', steps, 'a whole number of at least 1', Number.isSafeInteger(steps) && steps >= 1)
  check(
    'warmupSteps',
    warmupSteps,
    'a whole number of at least 0',
    Number.isSafeInteger(warmupSteps) && warmupSteps >= 0,
  )
  check('finalShare', finalShare, 'a number from 0 to 1', finalShare >= 0 && finalShare <= 1)
  return step => {
    if (step <= warmupSteps) return (learningRate * step) / warmupSteps
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps))
    return learningRate * (finalShare + ((1 - finalShare) * (1 + Math.cos(Math.PI * progress))) / 2)
  }
}
