import type { Sample } from '../job'
import { type Measure, measure } from '../measure'
import { number, seconds } from '../report/format'
import type { Findings, Report } from '../report/report'

/** What one size found: seconds of a pass with either, over a prompt and over one token, and the share saved. */
export interface Finding {
  readonly size: string
  readonly pass: string
  readonly rms: Measure
  readonly layer: Measure
  readonly saved: Measure
}

/** @param rms samples with RMSNorm, and @param layer, with LayerNorm, of the same rounds */
export const findingOf = (
  size: string,
  pass: string,
  rms: readonly Sample[],
  layer: readonly Sample[],
  of: 'prompt' | 'token',
): Finding => ({
  size,
  pass,
  rms: measure(
    's',
    rms.map(sample => sample[of]),
  ),
  layer: measure(
    's',
    layer.map(sample => sample[of]),
  ),
  saved: measure(
    '%',
    rms.map((sample, round) => 100 * (1 - sample[of] / layer[round][of])),
  ),
})

/** A table and a chart. */
export const normsReport = (findings: readonly Finding[], ran: Report['ran']): Findings => ({
  title: 'RMSNorm beside LayerNorm: a whole forward pass',
  ran,
  tables: [
    {
      title: 'Medians of the rounds; saved: least–most',
      columns: ['', 'RMSNorm', 'LayerNorm', 'saved by RMSNorm'],
      rows: findings.map(({ size, pass, rms, layer, saved }) => [
        `${size}, ${pass}`,
        seconds(rms.median),
        seconds(layer.median),
        `${number(saved.median)} % (${number(saved.min)} to ${number(saved.max)})`,
      ]),
    },
  ],
  charts: [
    {
      title: 'Time saved',
      caption: 'Share of a forward pass that RMSNorm saves. Below 0 it takes longer.',
      unit: '% saved',
      bars: findings.map(({ size, pass, saved }) => ({ label: `${size}, ${pass}`, role: 'cria', measure: saved })),
    },
  ],
  notes: [
    'Both models have the same layers and sizes, and random weights; only the normalisation differs. Each runs in a process of its own, one after the other in each round, and the share is taken round by round.',
    'Zhang & Sennrich (2019) report 7 % to 64 % for whole models in several frameworks.',
  ],
  data: findings,
})
