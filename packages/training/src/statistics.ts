export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** The standard deviation of a sample: over n - 1. */
export const deviation = (values: readonly number[]): number => {
  const centre = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1))
}

export interface Interval {
  readonly mean: number
  /** Half the width of the 95% confidence interval: `mean ± margin`. Infinite for a single value. */
  readonly margin: number
  readonly count: number
}

/** The mean with its 95% confidence interval by Student's t distribution (Student 1908). */
export const interval95 = (values: readonly number[]): Interval => {
  const count = values.length
  if (count < 2) return { mean: mean(values), margin: Infinity, count }
  return { mean: mean(values), margin: (studentQuantile(count - 1) * deviation(values)) / Math.sqrt(count), count }
}

/** Differences of pairs that differ only in what is compared. Their common noise cancels. */
export const pairedDifference = (values: readonly number[], baseline: readonly number[]): Interval =>
  interval95(values.map((value, i) => value - baseline[i]))

/** The 97.5% quantile of Student's t with this many degrees of freedom, by bisection of its distribution. */
export const studentQuantile = (degrees: number): number => {
  let [low, high] = [0, 1000]
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2
    if (studentTail(middle, degrees) > 0.05) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** P(|T| > t) for whole degrees of freedom, as a finite sum (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4). */
const studentTail = (t: number, degrees: number): number => {
  const angle = Math.atan(t / Math.sqrt(degrees))
  const cosine = Math.cos(angle)
  const even = degrees % 2 === 0
  let term = even ? 1 : cosine
  let sum = degrees === 1 ? 0 : term
  for (let k = even ? 2 : 3; k <= degrees - 2; k += 2) {
    term *= ((k - 1) / k) * cosine ** 2
    sum += term
  }
  const within = even ? Math.sin(angle) * sum : (2 / Math.PI) * (angle + Math.sin(angle) * sum)
  return 1 - within
}
