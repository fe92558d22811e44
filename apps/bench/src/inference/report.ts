import type { CeilingSample } from '../ceilings/measure'
import type { Measure } from '../measure'
import { counted, percent, quantity, spread } from '../report/format'
import type { Chart, Findings, Role } from '../report/report'
import { summarize } from '../statistics'
import { arithmeticLimit, type ContenderResult, type Ratio, type Workload } from './result'

export interface InferenceFindings {
  readonly work: Workload
  readonly contenders: readonly ContenderResult[]
  readonly ratios: readonly Ratio[]
  readonly ceilings: readonly {
    readonly name: string
    readonly description: string
    readonly samples: readonly CeilingSample[]
  }[]
}

const roleOf = (name: string): Role => (name.startsWith('Cria') ? 'cria' : 'peer')

const chart = (
  title: string,
  caption: string,
  contenders: readonly ContenderResult[],
  pick: (contender: ContenderResult) => Measure,
): Chart => ({
  title,
  caption,
  unit: pick(contenders[0]).unit,
  bars: contenders.map(contender => ({
    label: contender.name,
    role: roleOf(contender.name),
    measure: pick(contender),
  })),
})

const inPercent = ({ median, min, max, samples }: Measure): Measure => ({
  unit: '% of the ceiling',
  median: 100 * median,
  min: 100 * min,
  max: 100 * max,
  samples: samples.map(share => 100 * share),
})

/** Rates, shares and ratios as tables and charts. */
export const inferenceReport = (found: InferenceFindings): Findings => {
  const { work, contenders, ratios, ceilings } = found
  const { model, weights, prompt, depth, tokens, sequences, weightBytes, cacheBytes } = work
  const limit = arithmeticLimit(weights)
  const together = sequences === 1 ? '' : `, ${sequences} sequences together`
  const middle = (samples: readonly CeilingSample[], of: keyof CeilingSample) =>
    summarize(samples.map(sample => sample[of])).median
  return {
    title: `${model}, ${weights.join(', ')}: prompt of ${prompt}, ${counted(tokens, 'token')} behind ${depth}${together}`,
    ran: [...contenders, ...ceilings].map(({ name, description }) => ({ name, description })),
    tables: [
      {
        title: 'Medians of the rounds (least–most)',
        columns: ['', 'prefill tokens/s', 'decode tokens/s', 'peak memory', 'of bandwidth', 'of multiply-adds'],
        rows: contenders.map(({ name, prefill, decode, peakBytes, bandwidthShare, arithmeticShare }) => [
          name,
          spread(prefill),
          spread(decode),
          peakBytes === undefined ? 'unknown' : quantity(peakBytes, 'B'),
          percent(bandwidthShare.median),
          percent(arithmeticShare.median),
        ]),
      },
      ...(ratios.length === 0
        ? []
        : [
            {
              title: 'Ratios, round by round (above 1 is faster)',
              columns: ['', 'prefill', 'decode'],
              rows: ratios.map(({ of, to, prefill, decode }) => [`${of} / ${to}`, spread(prefill), spread(decode)]),
            },
          ]),
      {
        title: 'Ceilings measured in the same rounds',
        columns: ['', 'memory read', 'f32 multiply-adds', 'integer multiply-adds'],
        rows: ceilings.map(({ name, samples }) => [
          name,
          quantity(middle(samples, 'read'), 'B/s'),
          quantity(middle(samples, 'f32'), 'op/s'),
          quantity(middle(samples, 'i8'), 'op/s'),
        ]),
      },
    ],
    charts: [
      chart(
        'Decode',
        `One token of each sequence at a time, behind ${depth}, tokens a second. Longer is faster.`,
        contenders,
        ({ decode }) => decode,
      ),
      chart(
        'Prefill',
        `A prompt of ${prompt} tokens, tokens a second. Longer is faster.`,
        contenders,
        result => result.prefill,
      ),
      chart(
        'Decode, of the memory read bandwidth',
        'Bytes that decoding must read, as a share of what can be read.',
        contenders,
        result => inPercent(result.bandwidthShare),
      ),
      chart(
        'Prefill, of the multiply-add rate',
        'Operations of the prefill, as a share of what the runtime can do.',
        contenders,
        result => inPercent(result.arithmeticShare),
      ),
    ],
    notes: [
      'Each contender runs in a process or browser of its own, one after the other in each round. Ratios and shares are taken round by round; then comes their median.',
      `A decoding pass reads ${quantity(weightBytes, 'B')} of weights, and ${quantity(cacheBytes, 'B')} of keys and values for each sequence; a prompt takes ${quantity(work.prefillFlops, 'op')}. The ceilings are those of each runtime, WebAssembly SIMD on as many threads or, for webgpu, WGSL, reading as many bytes as a pass and multiplying ${limit === 'i8' ? 'integers' : 'f32'}: native code with wider vectors may exceed the multiply-add rate.`,
      'Peak memory is the most that the process held resident; a model that is mapped from its file counts too.',
      'Tokens are fixed random ids. llama-bench draws its own, and wllama takes none: its prompt is special tokens, as many. wllama, transformers.js and web-llm, and Cria on webgpu, decode the tokens that they choose.',
    ],
    data: found,
  }
}
