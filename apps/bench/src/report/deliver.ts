import { writeFile } from 'node:fs/promises'
import { describeMachine } from '../machine'
import type { Findings, Report } from './report'
import { textOf } from './text'

/** Where a report goes beside the terminal. */
export interface Outputs {
  readonly json?: string
  readonly html?: string
}

/** A report of what was found now, on this machine, by the command line that was given. */
export const reportOf = (found: Findings): Report => ({
  ...found,
  command: ['pnpm bench', ...process.argv.slice(2)].join(' '),
  date: new Date().toISOString(),
  machine: describeMachine(),
})

/** Prints a report, and writes it as JSON and HTML where that is asked for. */
export const deliver = async (report: Report, { json, html }: Outputs): Promise<void> => {
  const { title, command, date, machine, data } = report
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ title, command, date, machine, data }, null, 2)}\n`)
  if (html !== undefined) {
    const { htmlOf } = await import('./html') // plotting takes a second to load
    await writeFile(html, htmlOf(report))
  }
  process.stdout.write(textOf(report))
}
