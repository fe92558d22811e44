import type { DType } from '@cria/dtypes'
import { type OpCase, size } from './case'
import { compositeCases } from './composite-cases'
import { forwardCases } from './forward-cases'
import { trainingCases } from './training-cases'

/** Every op: those of a forward pass for one token and for a prompt of 128, those of training for 128 tokens. */
export const opCases = (weightTypes: readonly DType[]): OpCase[] => [
  ...forwardCases(1, weightTypes),
  ...compositeCases(1),
  ...forwardCases(size.context, weightTypes),
  ...compositeCases(size.context),
  ...trainingCases(size.context),
]
