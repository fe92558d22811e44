import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository, root } from './packages'

const results = 'apps/bench/results'

/** What `pnpm bench … --json` writes. */
interface Report {
  readonly title: string
  readonly command: string
  /** ISO 8601. */
  readonly date: string
  readonly machine: { readonly processor: string; readonly cores: number; readonly memory: number }
  readonly data: unknown
}

/** The page of the results in a folder of JSON files: a section for each of its folders, which is one machine's. */
export function benchmarksPage(folder = join(root, results)): string {
  const machines = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory())
  const sections = machines.map(({ name }) => machineSection(folder, name)).filter(text => text !== '')
  return `---
editLink: false
---

# Benchmarks

These tables are made from the JSON files that \`pnpm bench\` wrote, in [${results}](${repository}/tree/main/${results}). Speed depends
on your machine: run the commands there. Ratios are taken round by round in one run, and carry over better than rates. A cell has the
median, with the least and the most. The [README of the benchmarks](${repository}/blob/main/apps/bench/README.md) says how they measure.

${sections.length === 0 ? 'No results are recorded yet.\n' : sections.join('\n')}`
}

const machineSection = (folder: string, name: string): string => {
  const files = readdirSync(join(folder, name)).filter(file => file.endsWith('.json'))
  if (files.length === 0) return ''
  const paths = files.sort().map(file => join(folder, name, file))
  const reports = paths.map(path => ({ path, report: JSON.parse(readFileSync(path, 'utf8')) as Report }))
  const { processor, cores, memory } = reports[0].report.machine
  const tables = inferenceTables(folder, paths)
  // Reports of other commands have different tables.
  const others = reports.filter(({ path }) => !tables.includes(linkTo(folder, path)))
  return [
    `## ${processor}, ${cores} cores, ${Math.round(memory / 2 ** 30)} GiB {#${name}}\n`,
    ...(tables === '' ? [] : [`### Inference and training {#${name}-inference}\n`, tables]),
    ...others.map(({ path, report }) => reportSection(report, linkTo(folder, path))),
  ].join('\n')
}

const linkTo = (folder: string, path: string): string =>
  `${repository}/blob/main/${results}${path.slice(folder.length)}`

/** The tables of `results/table.mjs`, which knows inference and training, with links that work from the site. */
const inferenceTables = (folder: string, paths: readonly string[]): string => {
  const script = join(root, results, 'table.mjs')
  const printed = execFileSync(process.execPath, [script, ...paths], { encoding: 'utf8' })
  // It links to the files beside it: by folder and name, or by name alone.
  return printed.replace(/\]\(([^)]+\.json)\)/g, (_, file: string) => {
    const found = paths.find(path => path.endsWith(`/${file}`))
    if (!found) throw new Error(`table.mjs links to ${file}, which is not in ${folder}`)
    return `](${linkTo(folder, found)})`
  })
}

const reportSection = ({ title, command, date, data }: Report, link: string): string =>
  `### ${title}\n\n\`${command}\`, ${date.slice(0, 10)}, [JSON](${link})\n\n${tablesOf(data)}\n`

interface Measure {
  readonly unit: string
  readonly median: number
  readonly min: number
  readonly max: number
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isMeasure = (value: unknown): value is Measure =>
  isObject(value) && typeof value.unit === 'string' && typeof value.median === 'number'

type Row = Readonly<Record<string, string>>

/** Numbers of any report: a row for each innermost object that was measured, with the names of those around it. */
const tablesOf = (data: unknown): string => {
  const rows = rowsOf(data, {}).filter(({ measured }) => measured)
  const tables = new Map<string, Row[]>()
  for (const { cells } of rows) {
    const columns = Object.keys(cells).join('\t')
    tables.set(columns, [...(tables.get(columns) ?? []), cells])
  }
  return [...tables].map(([columns, rows]) => table(columns.split('\t'), rows)).join('\n\n')
}

const rowsOf = (value: unknown, around: Row): { cells: Row; measured: boolean }[] => {
  if (Array.isArray(value)) return value.flatMap(item => rowsOf(item, around))
  if (!isObject(value)) return []
  const own = cellsOf(value)
  const cells = { ...around, ...own.cells }
  const inner = own.inside.flatMap(([name, items]) => {
    const named = Object.hasOwn(around, 'part') || own.inside.length === 1 ? around : { part: name, ...around }
    return rowsOf(items, { ...named, ...own.cells })
  })
  return inner.some(({ measured }) => measured) ? inner : [{ cells, measured: own.measured }]
}

interface Cells {
  readonly cells: Row
  readonly inside: readonly (readonly [name: string, items: readonly unknown[]])[]
  readonly measured: boolean
}

/** The cells of an object: its texts and numbers, and its measures, also of the objects in it; and the lists in it. */
const cellsOf = (object: Record<string, unknown>, prefix = ''): Cells => {
  const cells: Record<string, string> = {}
  const inside: (readonly [string, readonly unknown[]])[] = []
  let measured = false
  for (const [key, value] of Object.entries(object)) {
    const name = prefix + key
    if (isMeasure(value)) {
      cells[name] = spread(value)
      measured = true
    } else if (typeof value === 'number') cells[name] = number(value)
    else if (typeof value === 'string') cells[name] = value
    else if (Array.isArray(value) && value.some(isObject)) inside.push([name, value])
    else if (isObject(value)) {
      const below = cellsOf(value, `${name} `)
      Object.assign(cells, below.cells)
      inside.push(...below.inside)
      measured ||= below.measured
    }
  }
  return { cells, inside, measured }
}

const number = (value: number): string =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : `${Number(value.toPrecision(3))}`

const spread = ({ unit, median, min, max }: Measure): string =>
  `${number(median)} ${unit} (${number(min)} to ${number(max)})`

const table = (columns: readonly string[], rows: readonly Row[]): string => {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(columns), line(columns.map(() => '---')), ...rows.map(row => line(columns.map(name => row[name])))].join(
    '\n',
  )
}
