import { drawChart } from './chart'
import { quantity } from './format'
import type { Chart, Report, Table } from './report'

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

const escaped = (text: string): string => text.replace(/[&<>"]/g, character => escapes[character])

const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2430; --faint: #667085; --grid: #e4e7ec; --panel: #f8f9fb;
  --cria: #e8833a; --peer: #8fa3bf; --limit: #c9cfda }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171d; --ink: #e8eaee; --faint: #98a2b3; --grid: #2b313c; --panel: #1b1f27;
    --cria: #f0954e; --peer: #5f7596; --limit: #3d4554 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 3rem 1.5rem 4rem; max-width: 56rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem; text-wrap: balance }
h2 { font-size: 1.1rem; margin: 0 0 .2rem }
header p, figcaption, footer { color: var(--faint); margin: 0 0 .4rem; font-size: .92rem }
code { font: .86rem/1.5 ui-monospace, monospace; background: var(--panel); padding: .15rem .4rem; border-radius: 4px;
  overflow-wrap: anywhere;
  -webkit-box-decoration-break: clone; box-decoration-break: clone }
figure, section { margin: 2.6rem 0 0 }
.chart { display: block; width: 100%; height: auto; margin-top: .6rem; color: var(--ink); overflow: visible;
  font: 13px system-ui, sans-serif; font-variant-numeric: tabular-nums }
.scroll { overflow-x: auto; margin-top: .7rem }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums }
th, td { padding: .4rem .9rem .4rem 0; text-align: right; border-bottom: 1px solid var(--grid); white-space: nowrap }
th { color: var(--faint); font-weight: 500 }
th:first-child, td:first-child { text-align: left }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.4rem; font-size: .92rem; margin: .7rem 0 0 }
dt { color: var(--faint) }
dd { margin: 0 }
footer { margin-top: 3rem }
footer p { margin: 0 0 .6rem }`

const figure = (chart: Chart): string =>
  `<figure><h2>${escaped(chart.title)}</h2><figcaption>${escaped(chart.caption)}</figcaption>${drawChart(chart)}</figure>`

const section = ({ title, columns, rows }: Table): string => {
  const row = (tag: 'th' | 'td', cells: readonly string[]) =>
    `<tr>${cells.map(cell => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  const body = rows.map(cells => row('td', cells)).join('\n')
  return `<section><h2>${escaped(title)}</h2><div class="scroll"><table><thead>${row('th', columns)}</thead>
<tbody>${body}</tbody></table></div></section>`
}

const definition = ({ name, description }: Report['ran'][number]): string =>
  `<dt>${escaped(name)}</dt><dd>${escaped(description)}</dd>`

/** The report as one page that needs nothing else: no script, no network. Light or dark as the reader's system is. */
export const htmlOf = ({
  title,
  command,
  date,
  machine,
  ran,
  charts,
  tables,
  notes,
}: Report): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${style}</style></head><body>
<header><h1>${escaped(title)}</h1>
<p>${escaped(`${machine.processor}, ${machine.cores} cores, ${quantity(machine.memory, 'B')}, ${machine.system}, Node ${machine.node}`)}</p>
<p>${escaped(date.slice(0, 10))} <code>${escaped(command)}</code></p></header>
${charts.map(figure).join('\n')}
${tables.map(section).join('\n')}
<section><h2>What ran</h2><dl>${ran.map(definition).join('')}</dl></section>
<footer>${notes.map(note => `<p>${escaped(note)}</p>`).join('')}</footer>
</body></html>
`
