import type { WeightDType } from '@cria/checkpoint'
import type { CeilingSample } from '../ceilings/measure'
import { type Measure, measure } from '../measure'
import { ratios } from '../statistics'
import type { StreamSample, StreamSize } from './stream'

/** What is computed: for all contenders the same. */
export interface Workload extends StreamSize {
  readonly model: string
  readonly weights: WeightDType
  /** Bytes of weights that a decoded token reads. */
  readonly bytesPerToken: number
  /** Floating-point operations of the pass over the prompt. */
  readonly prefillFlops: number
}

/** The samples of one contender, and of the ceilings of the runtime that it runs in, round by round. */
export interface Run {
  readonly name: string
  readonly description: string
  readonly peakBytes: number | undefined
  readonly samples: readonly StreamSample[]
  readonly ceilings: readonly CeilingSample[]
  /** The name of the one that it is compared with, if it is not a peer itself. */
  readonly against?: string | undefined
}

export interface ContenderResult {
  readonly name: string
  readonly description: string
  /** Bytes. */
  readonly peakBytes: number | undefined
  readonly prefill: Measure
  readonly decode: Measure
  readonly firstToken: Measure
  /** What decoding reads of what the memory gives, at least: its weights. */
  readonly bandwidthShare: Measure
  /** What the prefill computes of what the runtime can multiply and add. */
  readonly arithmeticShare: Measure
}

/** How fast one is beside another, round by round: above 1 it is faster. */
export interface Ratio {
  readonly of: string
  readonly to: string
  readonly prefill: Measure
  readonly decode: Measure
}

/** Quantised weights are multiplied as integers, the others as f32. */
export const arithmeticLimit = (weights: WeightDType): 'f32' | 'i8' => (weights.startsWith('q') ? 'i8' : 'f32')

const resultOf = (run: Run, work: Workload): ContenderResult => {
  const prefill = run.samples.map(sample => work.prompt / sample.prefill)
  const decode = run.samples.map(sample => work.tokens / sample.decode)
  const limit = arithmeticLimit(work.weights)
  const reached = {
    bytes: decode.map(rate => rate * work.bytesPerToken),
    flops: run.samples.map(sample => work.prefillFlops / sample.prefill),
  }
  return {
    name: run.name,
    description: run.description,
    peakBytes: run.peakBytes,
    prefill: measure('tokens/s', prefill),
    decode: measure('tokens/s', decode),
    firstToken: measure(
      's',
      run.samples.map(sample => sample.firstToken),
    ),
    bandwidthShare: measure(
      'of 1',
      ratios(
        reached.bytes,
        run.ceilings.map(({ read }) => read),
      ),
    ),
    arithmeticShare: measure(
      'of 1',
      ratios(
        reached.flops,
        run.ceilings.map(ceiling => ceiling[limit]),
      ),
    ),
  }
}

/** Rates, shares of the ceilings, and ratios between those that are compared. */
export const resultsOf = (runs: readonly Run[], work: Workload) => {
  const contenders = runs.map(run => resultOf(run, work))
  const compared = (of: ContenderResult, to: ContenderResult): Ratio => ({
    of: of.name,
    to: to.name,
    prefill: measure('×', ratios(of.prefill.samples, to.prefill.samples)),
    decode: measure('×', ratios(of.decode.samples, to.decode.samples)),
  })
  const pairs = runs.flatMap(({ against }, i) => {
    const to = contenders.find(({ name }) => name === against)
    return to ? [compared(contenders[i], to)] : []
  })
  return { contenders, ratios: pairs }
}
