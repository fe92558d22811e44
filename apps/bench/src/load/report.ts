import { basename } from 'node:path'
import type { Sample } from '../job'
import type { Reader } from '../jobs/load'
import { type Measure, measure } from '../measure'
import { quantity, spread } from '../report/format'
import type { Findings } from '../report/report'
import { ratios } from '../statistics'
import type { LoadFile } from './files'

/** How fast one reader went through one file. */
export interface Finding {
  readonly file: LoadFile
  readonly reader: Reader
  readonly description: string
  readonly rate: Measure
  /** Beside the plain read of the same round. */
  readonly ratio: Measure
}

export const readerNames: Readonly<Record<Reader, string>> = {
  plain: 'plain read',
  cria: 'Cria',
  python: 'Python safetensors',
}

/** @param readers the plain one first, and @param samples, those of each */
export const findingsOf = (
  file: LoadFile,
  readers: readonly { readonly reader: Reader; readonly description: string }[],
  samples: readonly (readonly Sample[])[],
): Finding[] => {
  const rates = samples.map(rounds => rounds.map(({ seconds }) => file.bytes / seconds / 1e9))
  return readers.map((reader, i) => ({
    ...reader,
    file: { ...file, path: basename(file.path) },
    rate: measure('GB/s', rates[i]),
    ratio: measure('×', ratios(rates[i], rates[0])),
  }))
}

/** A table and a chart. */
export const loadReport = (findings: readonly Finding[]): Findings => ({
  title: 'Reading checkpoints from the page cache',
  ran: findings.map(({ file, reader, description }) => ({
    name: `${file.format}, ${readerNames[reader]}`,
    description,
  })),
  tables: [
    {
      title: 'Medians of the rounds (least–most)',
      columns: ['', 'size', 'GB/s', 'of a plain read'],
      rows: findings.map(({ file, reader, rate, ratio }) => [
        `${file.format}, ${readerNames[reader]}`,
        quantity(file.bytes, 'B'),
        spread(rate),
        spread(ratio),
      ]),
    },
  ],
  charts: [
    {
      title: 'Reading',
      caption: 'GB a second, from the page cache. Longer is faster.',
      unit: 'GB/s',
      bars: findings.map(({ file, reader, rate }) => ({
        label: `${file.format}, ${readerNames[reader]}`,
        role: reader === 'cria' ? 'cria' : reader === 'plain' ? 'limit' : 'peer',
        measure: rate,
      })),
    },
  ],
  notes: [
    'All read what a run before has left in the page cache, into new memory, and keep nothing. Python tells its own time, without its start.',
  ],
  data: findings,
})
