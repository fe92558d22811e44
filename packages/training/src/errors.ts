/** A training config with a key that is unknown or missing, or a value out of range. `field` is its path in the config. */
export class TrainingConfigError extends Error {
  override readonly name = 'TrainingConfigError'
  constructor(
    readonly field: string,
    problem: string,
  ) {
    super(`${field}: ${problem}`)
  }
}

/** Rows of training data that do not fit the model: of the wrong length, with tokens outside the vocabulary, or without documents. */
export class TrainingDataError extends Error {
  override readonly name = 'TrainingDataError'
}

/** Training stopped because a number is NaN or infinite. The weights are those from before the step. */
export class NonFiniteError extends Error {
  override readonly name = 'NonFiniteError'
  constructor(
    /** The step that could not be done, from 1. */
    readonly step: number,
    /** What is not finite: the loss, or the norm of the gradients. */
    readonly quantity: 'loss' | 'gradient norm',
    /** The first op whose output was not finite; undefined if no single op can be named. */
    readonly op: string | undefined,
    /** Folder of the last saved step before this one. */
    readonly saved?: string | undefined,
  ) {
    const cause = op === undefined ? 'no op alone explains it' : `the first op with such an output is ${op}`
    const place = saved === undefined ? '' : `; the last good checkpoint is ${saved}`
    const advice = 'lower the learning rate, or look at the data of this step'
    super(`step ${step}: the ${quantity} is not finite, and ${cause}${place}: ${advice}`)
  }
}

/** A saved state that this run cannot resume from: it has another config or model, or it is damaged. */
export class ResumeError extends Error {
  override readonly name = 'ResumeError'
}

/** The folder belongs to a training run that is still running. */
export class RunLockedError extends Error {
  override readonly name = 'RunLockedError'
}
