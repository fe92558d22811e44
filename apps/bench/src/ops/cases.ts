import type { DType } from '@cria/dtypes'
import { type OpCase, size } from './case'
import { forwardCases } from './forward-cases'
import { trainingCases } from './training-cases'

/** Every op: those of a forward pass for one token and for a prompt of 128, those of training for 128 tokens. */
export const opCases = (weightTypes: readonly DType[]): OpCase[] => [
  ...forwardCases(1, weightTypes),
  ...forwardCases(size.context, weightTypes),
  ...trainingCases(size.context),
]
