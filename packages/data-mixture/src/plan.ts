import { MixtureConfigError } from './errors'
import { partsOf } from './shares'

/** A source to plan with. */
export interface PlannedSource {
  readonly name: string
  /** Its share of the tokens trained on. */
  readonly share: number
  /** Tokens of the source, each counted once. */
  readonly uniqueTokens: number
  /** The most epochs of this source; no limit by default. */
  readonly maxEpochs?: number | undefined
}

export interface SourcePlan {
  readonly name: string
  /** The share that was asked for. */
  readonly asked: number
  /** The actual share: whole parts of `cycle` rows. */
  readonly share: number
  /** Tokens trained on from this source. */
  readonly tokens: number
  readonly uniqueTokens: number
  /** share * total / unique */
  readonly epochs: number
  /** Why the share cannot be met, and what would help; undefined if it can. */
  readonly problem: string | undefined
}

export interface MixturePlan {
  readonly totalTokens: number
  /** Rows after which the order of the sources repeats. */
  readonly cycle: number
  readonly sources: readonly SourcePlan[]
  /** The most tokens for which every source stays within its `maxEpochs`; infinite without limits. */
  readonly mostTokens: number
}

/**
 * What a run of `totalTokens` tokens takes from each source, by arithmetic: epochs = share * total / unique.
 *
 * @throws MixtureConfigError if the shares do not sum to 1, or a number is out of range
 */
export const planMixture = (sources: readonly PlannedSource[], totalTokens: number): MixturePlan => {
  if (!(totalTokens > 0 && Number.isFinite(totalTokens))) {
    throw new MixtureConfigError('totalTokens', `${totalTokens}: expected a number above 0`)
  }
  const { parts, total } = partsOf(
    sources.map(({ share }) => share),
    sources.map(({ name }) => name),
  )
  let mostTokens = Number.POSITIVE_INFINITY
  const plans = sources.map(
    ({ name, share: asked, uniqueTokens, maxEpochs = Number.POSITIVE_INFINITY }, i): SourcePlan => {
      if (!(uniqueTokens > 0 && Number.isFinite(uniqueTokens))) {
        throw new MixtureConfigError(`sources[${i}].uniqueTokens`, `${uniqueTokens}: expected a number above 0`)
      }
      if (!(maxEpochs > 0))
        throw new MixtureConfigError(`sources[${i}].maxEpochs`, `${maxEpochs}: expected a number above 0`)
      const share = parts[i] / total
      const tokens = share * totalTokens
      const epochs = tokens / uniqueTokens
      mostTokens = Math.min(mostTokens, (maxEpochs * uniqueTokens) / share)
      const problem =
        epochs > maxEpochs ? tooManyEpochs(epochs, maxEpochs, tokens, uniqueTokens, totalTokens) : undefined
      return { name, asked, share, tokens, uniqueTokens, epochs, problem }
    },
  )
  return { totalTokens, cycle: total, sources: plans, mostTokens }
}

const tooManyEpochs = (epochs: number, most: number, tokens: number, unique: number, total: number): string => {
  const missing = Math.ceil(tokens / most - unique)
  const share = (most * unique) / total
  return (
    `${epochs.toFixed(2)} epochs are more than ${most}: add ${missing.toLocaleString('en-US')} tokens to it, ` +
    `or lower its share to ${Number(share.toPrecision(3))}`
  )
}
