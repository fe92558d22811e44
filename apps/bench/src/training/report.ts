import type { CeilingSample } from '../ceilings/measure'
import type { Sample } from '../job'
import { type Measure, measure } from '../measure'
import { percent, quantity, spread } from '../report/format'
import type { Findings } from '../report/report'
import { ratios } from '../statistics'

/** One model trained by one contender. */
export interface TrainingFinding {
  readonly size: string
  readonly name: string
  readonly description: string
  /** Tokens a second. */
  readonly rate: Measure
  /** Cria's rate as a multiple of this one's, round by round. */
  readonly times: Measure
  /** Operations of the step, by the account of Cria's ops, as a share of what WebAssembly can multiply and add in f32. */
  readonly share: Measure
  readonly peakBytes: number | undefined
}

/** The samples of one contender. */
export interface TrainingRun {
  readonly name: string
  readonly description: string
  readonly peakBytes: number | undefined
  readonly samples: readonly Sample[]
}

/** @param runs Cria first @param tokens of a step @param ceilings of the same rounds */
export const trainingFindings = (
  size: string,
  runs: readonly TrainingRun[],
  tokens: number,
  ceilings: readonly CeilingSample[],
): TrainingFinding[] => {
  const rates = runs.map(({ samples }) => samples.map(({ seconds }) => tokens / seconds))
  const { flops } = runs[0].samples[0]
  return runs.map(({ name, description, peakBytes, samples }, i) => ({
    ...{ size, name, description, peakBytes },
    rate: measure('tokens/s', rates[i]),
    times: measure('×', ratios(rates[0], rates[i])),
    share: measure(
      'of 1',
      samples.map(({ seconds }, round) => flops / seconds / ceilings[round].f32),
    ),
  }))
}

/** A table and a chart. */
export const trainingReport = (findings: readonly TrainingFinding[], tokens: number): Findings => ({
  title: `Training steps of ${tokens} tokens`,
  ran: findings.map(({ size, name, description }) => ({ name: `${size}, ${name}`, description })),
  tables: [
    {
      title: 'Medians of the rounds (least–most)',
      columns: ['', 'tokens/s', 'Cria / it', 'of multiply-adds', 'peak memory'],
      rows: findings.map(({ size, name, rate, times, share, peakBytes }) => [
        `${size}, ${name}`,
        spread(rate),
        spread(times),
        percent(share.median),
        peakBytes === undefined ? 'unknown' : quantity(peakBytes, 'B'),
      ]),
    },
  ],
  charts: [
    {
      title: 'Training',
      caption: 'Tokens a second. Longer is faster.',
      unit: 'tokens/s',
      bars: findings.map(({ size, name, rate }) => ({
        label: `${size}, ${name}`,
        role: name.startsWith('Cria') ? 'cria' : 'peer',
        measure: rate,
      })),
    },
  ],
  notes: [
    'A step is forward, backward, clipping and AdamW, in f32, on the same rows of random ids. All models have grouped-query attention and a tied output.',
    "The ceiling is that of WebAssembly SIMD on as many threads, in the same rounds. The shares of others count the operations of Cria's step: native code with wider vectors may exceed it.",
    'Peak memory is the most that the process held resident. It includes Node or Python.',
  ],
  data: findings,
})
