import type { Report, Table } from './report'

/** Rows as lines, each column as wide as its widest cell, the first to the left and the others to the right. */
const lines = ({ columns, rows }: Table): string[] => {
  const all = [columns, ...rows]
  const widths = columns.map((_, column) => Math.max(...all.map(row => row[column].length)))
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column]) : text.padStart(widths[column])
  return all.map(row => row.map(cell).join('  ').trimEnd())
}

/** The report for a terminal. */
export const textOf = ({ title, machine, ran, tables, notes }: Report): string => {
  const head = `${title}\n${machine.processor}, ${machine.cores} cores, Node ${machine.node}`
  const blocks = tables.map(table => `${table.title}\n${lines(table).join('\n')}`)
  return `${[head, ran.map(({ name, description }) => `${name}: ${description}`).join('\n'), ...blocks, notes.join('\n')].join('\n\n')}\n`
}
