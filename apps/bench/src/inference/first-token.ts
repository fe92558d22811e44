import type { Contender } from '../hosts/contender'
import { type Measure, measure } from '../measure'
import { quantity, spread } from '../report/format'
import type { Findings } from '../report/report'
import { ratios } from '../statistics'
import type { ContenderOptions } from './contenders'

/** Seconds from a process's start to the first token. */
export interface FirstTokenResult {
  readonly name: string
  readonly description: string
  readonly seconds: Measure
  /** Cria's time as a multiple of this one's, round by round. */
  readonly times: Measure
  readonly peakBytes: number | undefined
}

/** A contender each of whose runs is a new process: it starts, loads the model, runs once, and ends. */
export const freshly = async (name: string, start: () => Promise<Contender>): Promise<Contender> => {
  let peak: number | undefined
  let description = ''
  const run = async () => {
    const begin = performance.now()
    const contender = await start()
    try {
      await contender.run()
      const seconds = (performance.now() - begin) / 1000
      const bytes = await contender.peakBytes()
      if (bytes !== undefined) peak = Math.max(bytes, peak ?? 0)
      description = contender.description
      return { seconds }
    } finally {
      await contender.close()
    }
  }
  await run() // reads the file into the page cache
  return { name, description, run, peakBytes: async () => peak, close: async () => {} }
}

/** @param contenders Cria first, and @param samples, those of each */
export const firstTokenResults = async (
  contenders: readonly Contender[],
  samples: readonly (readonly Readonly<Record<string, number>>[])[],
): Promise<FirstTokenResult[]> => {
  const times = samples.map(rounds => rounds.map(({ seconds }) => seconds))
  return Promise.all(
    contenders.map(async ({ name, description, peakBytes }, i) => ({
      name,
      description,
      seconds: measure('s', times[i]),
      times: measure('×', ratios(times[0], times[i])),
      peakBytes: await peakBytes(),
    })),
  )
}

/** A table and a chart. */
export const firstTokenReport = (
  { model, prompt }: Pick<ContenderOptions, 'model' | 'prompt'>,
  weights: readonly string[],
  results: readonly FirstTokenResult[],
): Findings => ({
  title: `${model}, ${weights.join(', ')}: from a process's start to the first token, prompt of ${prompt}`,
  ran: results.map(({ name, description }) => ({ name, description })),
  tables: [
    {
      title: 'Medians of the rounds (least–most)',
      columns: ['', 'seconds', 'Cria / it', 'peak memory'],
      rows: results.map(({ name, seconds, times, peakBytes }) => [
        name,
        spread(seconds),
        spread(times),
        peakBytes === undefined ? 'unknown' : quantity(peakBytes, 'B'),
      ]),
    },
  ],
  charts: [
    {
      title: 'First token',
      caption: 'Seconds from the start of the process. Shorter is faster.',
      unit: 's',
      bars: results.map(({ name, seconds }) => ({
        label: name,
        role: name.startsWith('Cria') ? 'cria' : 'peer',
        measure: seconds,
      })),
    },
  ],
  notes: [
    `The model's file is in the page cache. Cria's time includes the start of Node.`,
    "llama-completion's prompt is special tokens, as many; its time ends with the first byte that it writes.",
  ],
  data: { prompt, weights, results },
})
