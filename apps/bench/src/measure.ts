import { type Summary, summarize } from './statistics'

/** A quantity that was measured once a round: its unit, its spread, and every value in order. */
export interface Measure extends Summary {
  readonly unit: string
  readonly samples: readonly number[]
}

/** @throws RangeError for no samples */
export const measure = (unit: string, samples: readonly number[]): Measure => ({
  unit,
  ...summarize(samples),
  samples,
})
