/** Of numbers that were measured several times: the middle one and the spread. */
export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/**
 * The middle value (of an even count the mean of the two), the smallest and the largest.
 * @throws RangeError for no values, or values that are not numbers
 */
export const summarize = (values: readonly number[]): Summary => {
  if (values.length === 0 || values.some(value => Number.isNaN(value)))
    throw new RangeError(`a summary needs numbers, found [${values}]`)
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, min: sorted[0], max: sorted[sorted.length - 1] }
}

/**
 * Each value divided by the one of the same round: other load on the machine affects both.
 * @throws RangeError when the counts differ
 */
export const ratios = (values: readonly number[], beside: readonly number[]): number[] => {
  if (values.length !== beside.length)
    throw new RangeError(`ratios need pairs, found ${values.length} values and ${beside.length}`)
  return values.map((value, i) => value / beside[i])
}
