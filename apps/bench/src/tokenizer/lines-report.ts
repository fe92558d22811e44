import { number, percent, spread } from '../report/format'
import type { Chart, Table } from '../report/report'
import type { LinesResult, Speed, TextResult } from './lines'
import { roleOf } from './role'

type Direction = 'encode' | 'decode'

const titles = { encode: 'Encoding', decode: 'Decoding' }

const isMeasured = (speed: Speed | undefined): speed is Speed => speed !== undefined

/** Those that were timed in a direction. */
const speedsOf = ({ contenders }: TextResult, of: Direction) =>
  contenders.flatMap(({ name, [of]: speed }) => (isMeasured(speed) ? [{ name, ...speed }] : []))

/** How many times as fast Cria is as the fastest of the others. */
const beside = (result: TextResult, of: Direction): string => {
  const [fastest] = speedsOf(result, of)
    .slice(1)
    .sort((a, b) => b.rate.median - a.rate.median)
  return `${spread(fastest.times)} ${fastest.name}`
}

const summary = (results: readonly TextResult[]): Table => ({
  title: 'Cria / the fastest other, round by round (above 1 Cria is faster)',
  columns: ['', 'encoding', 'decoding'],
  rows: results.map(result => [result.text, beside(result, 'encode'), beside(result, 'decode')]),
})

const rowOf = ({ name, encode, decode, agreement }: LinesResult): string[] => [
  name,
  spread(encode.rate),
  spread(encode.times),
  decode ? spread(decode.rate) : '',
  decode ? spread(decode.times) : '',
  percent(agreement.sameIds),
  percent(agreement.sameLength),
]

const table = ({ text, megabytes, lines, contenders }: TextResult): Table => ({
  title: `${text}, line by line: ${number(megabytes)} MB in ${number(lines)} lines`,
  columns: ['', 'encode MB/s', 'Cria / it', 'decode MB/s', 'Cria / it', 'same ids', 'as many ids'],
  rows: contenders.map(rowOf),
})

const chart = (result: TextResult, of: Direction): Chart => ({
  title: `${titles[of]} ${result.text}`,
  caption: 'Line by line, megabytes of text a second. Longer is faster.',
  unit: 'MB/s',
  bars: speedsOf(result, of).map(({ name, rate }) => ({ label: name, role: roleOf(name), measure: rate })),
})

const perText = (summary: Table, results: readonly TextResult[]) => ({
  tables: [summary, ...results.map(table)],
  charts: (['encode', 'decode'] as const).flatMap(of => results.map(result => chart(result, of))),
})

/** A table for each text and one of all, and a chart for each text and direction. */
export const linesReport = (results: readonly TextResult[]) => ({
  ...perText(summary(results), results),
  notes: [
    'Each text is cut in as many parts as there are rounds. The tokenizers take turns with a part, in one process, and no part comes twice, so that no cache has seen it; other texts warm up. spm_encode takes the whole text in each round, in a new process, and the time to start it is taken off.',
    'Not all give the same ids. The last columns are the shares of lines with the ids that Cria gives, and of lines with as many ids.',
  ],
})

/** How many times as fast Cria encodes as one of the others; the results are of vocabularies, each with all texts. */
const ratiosOf = (results: readonly TextResult[]): Table => ({
  title: 'Encoding with byte-level vocabularies: Cria / it, round by round (above 1 Cria is faster)',
  columns: ['', ...results[0].contenders.slice(1).map(({ name }) => name)],
  rows: results.map(({ text, contenders }) => [text, ...contenders.slice(1).map(({ encode }) => spread(encode.times))]),
})

/** The same for byte-level vocabularies, where the other in JavaScript and the native one are both compared with. */
export const byteLevelReport = (results: readonly TextResult[]) => ({
  ...perText(ratiosOf(results), results),
  notes: [
    'Byte-level vocabularies: the native tokenizers run in a process of their own, on one thread. They take the lines of a part in one call, and the ids are made lists of after the clock has stopped.',
  ],
})
