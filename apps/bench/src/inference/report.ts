import type { CeilingSample } from '../ceilings/measure'
import type { Measure } from '../measure'
import { percent, quantity, seconds, spread } from '../report/format'
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
  const limit = arithmeticLimit(work.weights)
  const middle = (samples: readonly CeilingSample[], of: keyof CeilingSample) =>
    summarize(samples.map(sample => sample[of])).median
  return {
    title: `${work.model}, ${work.weights}: prompt of ${work.prompt}, then ${work.tokens} tokens`,
    ran: [...contenders, ...ceilings].map(({ name, description }) => ({ name, description })),
    tables: [
      {
        title: 'Medians of the rounds (least–most)',
        columns: [
          '',
          'prefill tokens/s',
          'decode tokens/s',
          'first token',
          'peak memory',
          'of bandwidth',
          'of multiply-adds',
        ],
        rows: contenders.map(({ name, prefill, decode, firstToken, peakBytes, bandwidthShare, arithmeticShare }) => [
          name,
          spread(prefill),
          spread(decode),
          seconds(firstToken.median),
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
      chart('Decode', 'One token at a time, tokens a second. Longer is faster.', contenders, ({ decode }) => decode),
      chart(
        'Prefill',
        `A prompt of ${work.prompt} tokens, tokens a second. Longer is faster.`,
        contenders,
        result => result.prefill,
      ),
      chart(
        'Decode, of the memory read bandwidth',
        'Bytes of weights that decoding must read, of what can be read.',
        contenders,
        result => inPercent(result.bandwidthShare),
      ),
      chart(
        'Prefill, of the multiply-add rate',
        'Operations of the prefill, of what WebAssembly can do.',
        contenders,
        result => inPercent(result.arithmeticShare),
      ),
    ],
    notes: [
      `Each contender runs in a process or browser of its own, in turns with the others; ratios and shares are taken round by round, then their medians.`,
      `A decoded token reads ${quantity(work.bytesPerToken, 'B')} of weights; the prefill is ${quantity(work.prefillFlops, 'op')}. The ceilings are those of WebAssembly SIMD on as many threads, reading as many bytes as a token needs, and multiplying ${limit === 'i8' ? 'integers' : 'f32'}: native code with wider vectors may exceed the multiply-add rate.`,
      'Peak memory is what the process held resident at most; where a model is mapped from its file, that counts too.',
      'Tokens are fixed random ids, no text. wllama takes none: its prompt is special tokens, of the same number, and it decodes those that it chooses.',
    ],
    data: found,
  }
}
