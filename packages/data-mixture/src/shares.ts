import { MixtureConfigError } from './errors'

/** Shares are whole parts of at most this many rows. */
export const maxParts = 100_000

/** Sources that one mixture may have. */
export const maxSources = 1000

/** How far the sum of the shares may be from 1, and a share from whole parts, as a fraction of it. */
const tolerance = 1e-9

/** Shares as whole parts: source i gets `parts[i]` of every `total` rows. */
export interface Parts {
  readonly parts: readonly number[]
  readonly total: number
}

/**
 * The smallest total for which every share is a whole number of parts. LLaMA's shares are parts of 200. Where no total up to
 * 100,000 is exact, shares are rounded to parts of 100,000 by largest remainder.
 *
 * @param names names of the sources, for errors
 * @throws MixtureConfigError if a share is not above 0, the shares do not sum to 1, or a share rounds to nothing
 */
export const partsOf = (shares: readonly number[], names: readonly string[]): Parts => {
  if (shares.length === 0) throw new MixtureConfigError('sources', 'is empty: give at least one')
  if (shares.length > maxSources) {
    throw new MixtureConfigError('sources', `there are ${shares.length}, but a mixture has at most ${maxSources}`)
  }
  for (const [i, share] of shares.entries()) {
    if (!(share > 0 && share <= 1)) {
      const found = typeof share === 'number' ? share : JSON.stringify(share)
      throw new MixtureConfigError(`sources[${i}].share`, `${found} for ${names[i]}: expected a number in (0, 1]`)
    }
  }
  const sum = shares.reduce((a, b) => a + b, 0)
  if (Math.abs(sum - 1) > tolerance) {
    const list = shares.map((share, i) => `${names[i]} ${share}`).join(', ')
    throw new MixtureConfigError('sources', `shares sum to ${Number(sum.toPrecision(10))}, not to 1: change ${list}`)
  }
  return exactParts(shares) ?? roundedParts(shares, names)
}

const exactParts = (shares: readonly number[]): Parts | undefined => {
  for (let total = shares.length; total <= maxParts; total++) {
    const isWhole = (share: number) => Math.abs(share * total - Math.round(share * total)) <= tolerance * share * total
    if (!shares.every(isWhole)) continue
    const parts = shares.map(share => Math.round(share * total))
    if (parts.reduce((a, b) => a + b) === total) return { parts, total }
  }
  return undefined
}

const roundedParts = (shares: readonly number[], names: readonly string[]): Parts => {
  const parts = shares.map(share => Math.floor(share * maxParts))
  const missing = maxParts - parts.reduce((a, b) => a + b)
  const byRemainder = shares
    .map((share, i) => ({ i, remainder: share * maxParts - parts[i] }))
    .sort((a, b) => b.remainder - a.remainder || a.i - b.i)
  for (const { i } of byRemainder.slice(0, missing)) parts[i]++
  const none = parts.indexOf(0)
  if (none >= 0) {
    throw new MixtureConfigError(
      `sources[${none}].share`,
      `${shares[none]} for ${names[none]} is less than one row in ${maxParts}: raise it, or leave the source out`,
    )
  }
  return { parts, total: maxParts }
}
