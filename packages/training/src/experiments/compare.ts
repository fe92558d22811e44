import type { CausalModel } from '@cria/attention-variants'
import type { TrainingData } from '../data'
import { evaluate, type TextEncoder } from '../evaluate'
import { initialiseWeights } from '../initial'
import { warmupCosine } from '../schedule'
import { deviation, type Interval, interval95, mean, pairedDifference } from '../statistics'
import { train } from '../trainer'

/** Text that models of an experiment are trained and scored on. */
export interface ExperimentText {
  readonly tokenizer: TextEncoder
  /** Rows in an order that depends on the seed: all variants with one seed read the same rows. */
  data(seed: number): TrainingData
  /** Documents that are in no row. */
  readonly heldOut: readonly string[]
}

export interface Variant {
  readonly name: string
  /** A model without values. */
  build(): CausalModel
}

export interface CompareOptions {
  readonly text: ExperimentText
  /** The first is what the others are compared with. */
  readonly variants: readonly Variant[]
  readonly rowTokens: number
  readonly batchTokens: number
  readonly steps: number
  readonly learningRate: number
  /** The most seeds. */
  readonly seeds: number
  /** No second or later seed starts if it would end after this time, by `performance.now()`. */
  readonly deadline?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Replaces the default score, bits per byte of the held-out text. */
  score?(model: CausalModel): Promise<number>
}

/** One model that was trained. */
export interface TrainedVariant {
  readonly variant: string
  readonly seed: number
  /** Bits per byte of the held-out text, or what `score` gave. */
  readonly score: number
  readonly seconds: number
  readonly parameters: number
}

/** Trains each variant with each seed. The seed sets the first weights and the order of rows. */
export async function* compare(options: CompareOptions): AsyncGenerator<TrainedVariant> {
  const { text, variants, rowTokens, batchTokens, steps, learningRate, seeds, deadline = Infinity, signal } = options
  const schedule = warmupCosine({ learningRate, warmupSteps: Math.ceil(steps / 10), steps })
  const score =
    options.score ??
    (async (model: CausalModel) =>
      (await evaluate(model, text.tokenizer, text.heldOut, signal ? { signal } : {})).bitsPerByte)
  let longest = 0
  for (let seed = 0; seed < seeds; seed++) {
    const begun = performance.now()
    if (seed > 0 && begun + longest > deadline) return
    for (const variant of variants) {
      const start = performance.now()
      using model = variant.build()
      initialiseWeights(model, seed)
      const training = { data: text.data(seed), schedule, rowTokens, batchTokens, steps }
      for await (const _ of train(model, signal ? { ...training, signal } : training));
      const seconds = (performance.now() - start) / 1000
      const { parameterCount: parameters } = model
      yield { variant: variant.name, seed, score: await score(model), seconds, parameters }
    }
    longest = Math.max(longest, performance.now() - begun)
  }
}

/** A variant over all seeds, and how it differs from the first variant with the same seeds. */
export interface Summary {
  readonly variant: string
  readonly parameters: number
  readonly scores: readonly number[]
  readonly mean: number
  /** By pairs of the same seed; undefined for the first variant. */
  readonly difference: Interval | undefined
  readonly differences: readonly number[]
}

export interface Comparison {
  readonly summaries: readonly Summary[]
  readonly seeds: number
  /** The deviation between seeds of one variant, mean over the variants; undefined for a single seed. */
  readonly seedDeviation: number | undefined
}

/** Summaries of the seeds that all variants were trained with. */
export const summarise = (variants: readonly string[], trained: readonly TrainedVariant[]): Comparison => {
  const of = (name: string) => trained.filter(({ variant }) => variant === name)
  const seeds = Math.min(...variants.map(name => of(name).length))
  const scoresOf = (name: string) =>
    of(name)
      .slice(0, seeds)
      .map(({ score }) => score)
  const baseline = scoresOf(variants[0])
  const summaries = variants.map((variant, i): Summary => {
    const scores = scoresOf(variant)
    return {
      variant,
      parameters: of(variant)[0].parameters,
      scores,
      mean: interval95(scores).mean,
      difference: i === 0 ? undefined : pairedDifference(scores, baseline),
      differences: scores.map((score, seed) => score - baseline[seed]),
    }
  })
  const seedDeviation = seeds < 2 ? undefined : mean(summaries.map(({ scores }) => deviation(scores)))
  return { summaries, seeds, seedDeviation }
}

/** The difference of a variant in words. */
export const verdict = (difference: Interval | undefined): string => {
  if (difference === undefined) return ''
  if (!Number.isFinite(difference.margin)) return 'one seed: nothing can be said'
  if (Math.abs(difference.mean) <= difference.margin) return 'no difference found'
  return difference.mean < 0 ? 'better' : 'worse'
}
