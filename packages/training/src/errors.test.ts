import { expect, test } from 'vitest'
import { NonFiniteError, ResumeError, RunLockedError, TrainingConfigError, TrainingDataError } from '.'

const advice = 'lower the learning rate, or look at the data of this step'

test.each<[string, Error, string]>([
  ['TrainingConfigError', new TrainingConfigError('config.output', 'is missing'), 'config.output: is missing'],
  ['TrainingDataError', new TrainingDataError('no rows'), 'no rows'],
  ['ResumeError', new ResumeError('no step'), 'no step'],
  ['RunLockedError', new RunLockedError('in use'), 'in use'],
  [
    'NonFiniteError',
    new NonFiniteError(7, 'loss', 'linear', 'run/step-00000006'),
    `step 7: the loss is not finite, and the first op with such an output is linear; the last good checkpoint is run/step-00000006: ${advice}`,
  ],
  [
    'NonFiniteError',
    new NonFiniteError(1, 'gradient norm', undefined),
    `step 1: the gradient norm is not finite, and no op alone explains it: ${advice}`,
  ],
])('%s: its name and message', (name, error, message) => {
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name, message })
})
