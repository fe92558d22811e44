import { number, seconds, spread } from '../report/format'
import type { Findings } from '../report/report'
import type { TextResult } from './lines'
import { byteLevelReport, linesReport } from './lines-report'
import { CALL, type OneCallResult } from './one-call'
import { roleOf } from './role'
import { inOneCall, trained } from './texts'
import { type TrainingResult, trainingSize } from './training'
import { CALLS, type WorstCaseResult } from './worst-cases'

/** What was timed; what was not asked for is left out. */
export interface TokenizerFindings {
  readonly lines?: readonly TextResult[]
  readonly byteLevel?: readonly TextResult[]
  readonly oneCall?: readonly OneCallResult[]
  readonly worstCases?: readonly WorstCaseResult[]
  readonly training?: readonly TrainingResult[]
}

/** What one of them adds to the report. */
type Section = Pick<Findings, 'tables' | 'charts' | 'notes'>

const oneCallReport = (results: readonly OneCallResult[]): Section => {
  const title = `Encoding ${number(CALL)} characters of ${inOneCall} in one call`
  return {
    tables: [
      {
        title: `${title}: medians of the rounds (least–most)`,
        columns: ['', 'MB/s', 'Cria / it'],
        rows: results.map(({ name, rate, times }) => [name, spread(rate), spread(times)]),
      },
    ],
    charts: [
      {
        title,
        caption: 'Megabytes of text a second. Longer is faster.',
        unit: 'MB/s',
        bars: results.map(({ name, rate }) => ({ label: name, role: roleOf(name), measure: rate })),
      },
    ],
    notes: ['In one call are those that come to an end with it in seconds; each round has a text of its own.'],
  }
}

const worstCasesReport = (results: readonly WorstCaseResult[]): Section => ({
  tables: [
    {
      title: 'A million characters in one call, Cria: medians of the rounds (least–most)',
      columns: ['', 'time', 'times prose'],
      rows: results.map(({ name, seconds: taken, times }) => [name, seconds(taken.median), spread(times)]),
    },
  ],
  charts: [
    {
      title: 'A million characters in one call, Cria',
      caption: 'Times as long as prose. Shorter is faster.',
      unit: '× prose',
      bars: results.map(({ name, times }) => ({ label: name, role: 'cria', measure: times })),
    },
  ],
  notes: [`A million characters: a round takes the mean of ${CALLS} calls.`],
})

const trainingReport = (results: readonly TrainingResult[]): Section => {
  const { characters, vocabSize } = trainingSize
  const title = `Training ${number(vocabSize)} pieces on ${number(characters)} characters of ${trained}`
  return {
    tables: [
      {
        title: `${title}, on one thread, once`,
        columns: ['', 'time', 'times Cria'],
        rows: results.map(({ name, seconds: taken, times }) => [name, seconds(taken.median), number(times.median)]),
      },
    ],
    charts: [
      {
        title,
        caption: 'Seconds, on one thread, once. Shorter is faster.',
        unit: 's',
        bars: results.map(({ name, seconds: measure }) => ({ label: name, role: roleOf(name), measure })),
      },
    ],
    notes: ['Training runs once, because it takes long enough; spm_train has the settings of LLaMA.'],
  }
}

/** Tables and charts of what was timed. */
export const tokenizerReport = (found: TokenizerFindings, ran: Findings['ran']): Findings => {
  const { lines, byteLevel, oneCall, worstCases, training } = found
  const sections = [
    lines && linesReport(lines),
    byteLevel && byteLevelReport(byteLevel),
    oneCall && oneCallReport(oneCall),
    worstCases && worstCasesReport(worstCases),
    training && trainingReport(training),
  ].filter(section => section !== undefined)
  return {
    title: "Cria's tokenizer, with LLaMA 2's vocabulary where none is named",
    ran,
    tables: sections.flatMap(({ tables }) => tables),
    charts: sections.flatMap(({ charts }) => charts),
    notes: sections.flatMap(({ notes }) => notes),
    data: found,
  }
}
