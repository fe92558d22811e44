import type { CeilingSample } from '../ceilings/measure'
import type { Contender } from '../hosts/contender'
import { type Measure, measure } from '../measure'
import { ratios } from '../statistics'
import type { StreamSample, StreamSize } from './stream'

/** What is computed: the same for all contenders. */
export interface Workload extends StreamSize {
  readonly model: string
  /** Types of the matrices, the one with the most bytes first. */
  readonly weights: readonly string[]
  /** Bytes of weights that a decoding pass reads. */
  readonly weightBytes: number
  /** Bytes of keys and values that a decoding pass reads for each sequence. */
  readonly cacheBytes: number
  /** Floating-point operations of the passes over one prompt. */
  readonly prefillFlops: number
}

/** The samples of one contender, and of the ceilings of its runtime, round by round. */
export interface Run {
  readonly name: string
  readonly description: string
  /** Sequences that it decodes together. */
  readonly sequences: number
  readonly details?: Contender['details']
  readonly peakBytes: number | undefined
  readonly samples: readonly StreamSample[]
  readonly ceilings: readonly CeilingSample[]
  /** The names of the contenders that it is compared with. */
  readonly against: readonly string[]
}

export interface ContenderResult {
  readonly name: string
  readonly description: string
  /** Of Cria on webgpu: what the tuner chose, and how often the likeliest token is that of `cpu`. */
  readonly details?: Contender['details']
  /** Bytes. */
  readonly peakBytes: number | undefined
  /** Tokens a second of all sequences together. */
  readonly prefill: Measure
  readonly decode: Measure
  /** Bytes that decoding must read, as a share of what the runtime can read. */
  readonly bandwidthShare: Measure
  /** Operations of the prefill, as a share of what the runtime can multiply and add. */
  readonly arithmeticShare: Measure
}

/** How fast one contender is beside another, round by round: above 1 it is faster. */
export interface Ratio {
  readonly of: string
  readonly to: string
  readonly prefill: Measure
  readonly decode: Measure
}

/** Weights in blocks are multiplied as integers, others as f32. */
export const arithmeticLimit = ([type]: readonly string[]): 'f32' | 'i8' => (/^i?q\d/.test(type) ? 'i8' : 'f32')

const resultOf = (run: Run, work: Workload): ContenderResult => {
  const { name, description, details, peakBytes, samples, ceilings, sequences } = run
  const limit = arithmeticLimit(work.weights)
  const passBytes = work.weightBytes + sequences * work.cacheBytes
  const read = samples.map(({ decode }) => (work.tokens * passBytes) / decode)
  const computed = samples.map(({ prefill }) => (sequences * work.prefillFlops) / prefill)
  return {
    name,
    description,
    details,
    peakBytes,
    prefill: measure(
      'tokens/s',
      samples.map(({ prefill }) => (sequences * work.prompt) / prefill),
    ),
    decode: measure(
      'tokens/s',
      samples.map(({ decode }) => (sequences * work.tokens) / decode),
    ),
    bandwidthShare: measure(
      'of 1',
      ratios(
        read,
        ceilings.map(ceiling => ceiling.read),
      ),
    ),
    arithmeticShare: measure(
      'of 1',
      ratios(
        computed,
        ceilings.map(ceiling => ceiling[limit]),
      ),
    ),
  }
}

/** Rates, shares of the ceilings, and ratios of the contenders that are compared. */
export const resultsOf = (runs: readonly Run[], work: Workload) => {
  const contenders = runs.map(run => resultOf(run, work))
  const compared = (of: ContenderResult, to: ContenderResult): Ratio => ({
    of: of.name,
    to: to.name,
    prefill: measure('×', ratios(of.prefill.samples, to.prefill.samples)),
    decode: measure('×', ratios(of.decode.samples, to.decode.samples)),
  })
  const pairs = runs.flatMap(({ against }, i) =>
    contenders.filter(({ name }) => against.includes(name)).map(to => compared(contenders[i], to)),
  )
  return { contenders, ratios: pairs }
}
