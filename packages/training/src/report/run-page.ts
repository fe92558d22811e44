import type { TrainingConfig } from '../config'
import { stepsOf } from '../config'
import type { LogEntry } from '../log'
import type { Curves, Page, Series, Table } from './page'

export interface RunReport {
  readonly name: string
  readonly config: TrainingConfig
  readonly entries: readonly LogEntry[]
  readonly sources: readonly { readonly name: string; readonly share?: number }[]
  readonly parameters: number
  /** The device. */
  readonly device: string
  /** Whether the run is still running. */
  readonly running: boolean
}

type Kind<K extends LogEntry['kind']> = Extract<LogEntry, { kind: K }>

const ofKind = <K extends LogEntry['kind']>(entries: readonly LogEntry[], kind: K): Kind<K>[] =>
  entries.filter((entry): entry is Kind<K> => entry.kind === kind)

/** Means over the steps around each step. */
const smoothed = (points: Series['points'], reach: number): Series['points'] => {
  let sum = 0
  let first = 0
  return points.map(([x, y], i) => {
    sum += y
    while (i - first >= reach) sum -= points[first++][1]
    return [x, sum / (i - first + 1)]
  })
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`

/** A run as a page: learning curves, shares of the sources, samples, and the config. */
export const runPage = ({ name, config, entries, sources, parameters, device, running }: RunReport): Page => {
  const steps = ofKind(entries, 'step')
  const evaluations = ofKind(entries, 'evaluation')
  const at = (step: number) => step * config.training.batchTokens
  const curve = (of: (step: Kind<'step'>) => number): Series['points'] => steps.map(step => [at(step.step), of(step)])
  const x = 'tokens'
  const loss = curve(({ loss }) => loss)
  const charts: Curves[] = [
    {
      kind: 'curves',
      title: 'Loss',
      caption: 'Mean of -ln p of the next token, in nats. Lower is better.',
      x,
      y: 'nats a token',
      series: [
        { name: 'training, each step', points: loss, faint: true },
        { name: 'training, mean of 20 steps', points: smoothed(loss, 20) },
        { name: 'held out', points: evaluations.map(({ step, nats }) => [at(step), nats]) },
      ],
    },
    ...(evaluations.length === 0
      ? []
      : [
          {
            kind: 'curves' as const,
            title: 'Held-out text',
            caption: 'Bits for each byte of text that the model was not trained on. Lower is better.',
            x,
            y: 'bits per byte',
            series: [{ name: 'held out', points: evaluations.map(e => [at(e.step), e.bitsPerByte] as const) }],
          },
        ]),
    {
      kind: 'curves',
      title: 'Learning rate',
      caption: 'Linear warm-up, then a cosine.',
      x,
      y: 'learning rate',
      yFromZero: true,
      series: [{ name: 'learning rate', points: curve(({ learningRate }) => learningRate) }],
    },
    {
      kind: 'curves',
      title: 'Norm of the gradient',
      caption: `Before clipping to ${config.training.clip ?? 1}.`,
      x,
      y: 'norm',
      yFromZero: true,
      series: [{ name: 'norm', points: curve(({ gradientNorm }) => gradientNorm) }],
    },
    {
      kind: 'curves',
      title: 'Speed',
      caption: 'Tokens a second, forward, backward and update.',
      x,
      y: 'tokens a second',
      yFromZero: true,
      series: [{ name: 'speed', points: curve(({ tokens, seconds }) => tokens / seconds) }],
    },
  ]
  const last = evaluations.at(-1)
  const total = stepsOf(config.training)
  return {
    title: `Training ${name}`,
    about: [
      `${parameters.toLocaleString('en-US')} parameters on ${device}`,
      `step ${(steps.at(-1)?.step ?? 0).toLocaleString('en-US')} of ${total.toLocaleString('en-US')}${running ? ', running' : ''}`,
      ...(last
        ? [`held out: ${last.bitsPerByte.toFixed(4)} bits per byte, perplexity ${last.perplexity.toFixed(2)}`]
        : []),
    ],
    charts,
    tables: [sharesOf(steps, sources)],
    texts: [
      ...ofKind(entries, 'samples')
        .slice(-3)
        .reverse()
        .flatMap(({ step, samples }) =>
          samples.map(({ prompt, text }) => ({ title: `Step ${step.toLocaleString('en-US')}`, text: prompt + text })),
        ),
      { title: 'Config', text: JSON.stringify(config, null, 2) },
    ],
    notes: ['Points are means of neighbouring steps where there are more than a chart can show.'],
    ...(running && { refresh: 30 }),
  }
}

const sharesOf = (steps: readonly Kind<'step'>[], sources: RunReport['sources']): Table => {
  const rows = sources.map((_, i) => steps.reduce((sum, { sourceRows }) => sum + sourceRows[i], 0))
  const total = rows.reduce((sum, count) => sum + count, 0)
  return {
    title: 'Sources',
    columns: ['source', 'asked', 'given', 'rows'],
    rows: sources.map(({ name, share }, i) => [
      name,
      share === undefined ? '' : percent(share),
      percent(total === 0 ? 0 : rows[i] / total),
      rows[i].toLocaleString('en-US'),
    ]),
  }
}
