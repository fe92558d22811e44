/**
 * The arithmetic mean.
 * @param x at least one number
 * @throws RangeError where there is none
 */
export function mean(x: readonly number[]): number {
  if (x.length === 0) throw new RangeError('mean: x is empty, give it at least one number')
  return x.reduce((sum, value) => sum + value, 0) / x.length
}
