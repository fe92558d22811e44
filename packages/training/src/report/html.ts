import { drawCurves, drawIntervals } from './charts'
import type { Curves, Intervals, Page, Table } from './page'

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

const escaped = (text: string): string => text.replace(/[&<>"]/g, character => escapes[character])

const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2430; --faint: #667085; --grid: #e4e7ec; --panel: #f8f9fb;
  --series-0: #e07b2c; --series-1: #2f6fde; --series-2: #2f9e6e; --series-3: #b4458f; --series-4: #8a6d1f; --series-5: #5b5bd6 }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171d; --ink: #e8eaee; --faint: #98a2b3; --grid: #2b313c; --panel: #1b1f27;
    --series-0: #f0954e; --series-1: #6d9dff; --series-2: #58c596; --series-3: #dd7fbd; --series-4: #cdb25d; --series-5: #9b9bff } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 3rem 1.5rem 4rem; max-width: 56rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem; text-wrap: balance }
h2 { font-size: 1.1rem; margin: 0 0 .2rem }
header p, figcaption, footer { color: var(--faint); margin: 0 0 .4rem; font-size: .92rem; overflow-wrap: anywhere }
figure, section { margin: 2.6rem 0 0 }
.chart { display: block; width: 100%; height: auto; margin-top: .6rem; color: var(--ink); overflow: visible;
  font: 13px system-ui, sans-serif; font-variant-numeric: tabular-nums }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: .4rem 0 0; padding: 0; list-style: none; font-size: .88rem }
.key i { display: inline-block; width: .9rem; height: .2rem; margin-right: .4rem; vertical-align: middle }
.scroll { overflow-x: auto; margin-top: .7rem }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums }
th, td { padding: .4rem .9rem .4rem 0; text-align: right; border-bottom: 1px solid var(--grid); white-space: nowrap }
th { color: var(--faint); font-weight: 500 }
th:first-child, td:first-child { text-align: left }
blockquote { margin: .7rem 0 0; padding: .8rem 1rem; background: var(--panel); border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere }
footer { margin-top: 3rem }
footer p { margin: 0 0 .6rem }`

const key = ({ series }: Curves): string =>
  series.length < 2
    ? ''
    : `<ul class="key">${series
        .map(({ name }, i) => `<li><i style="background: var(--series-${i % 6})"></i>${escaped(name)}</li>`)
        .join('')}</ul>`

const figure = (chart: Curves | Intervals): string => {
  const drawn = chart.kind === 'curves' ? key(chart) + drawCurves(chart) : drawIntervals(chart)
  return `<figure><h2>${escaped(chart.title)}</h2><figcaption>${escaped(chart.caption)}</figcaption>${drawn}</figure>`
}

const section = ({ title, columns, rows }: Table): string => {
  const row = (tag: 'th' | 'td', cells: readonly string[]) =>
    `<tr>${cells.map(cell => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  const body = rows.map(cells => row('td', cells)).join('\n')
  return `<section><h2>${escaped(title)}</h2><div class="scroll"><table><thead>${row('th', columns)}</thead>
<tbody>${body}</tbody></table></div></section>`
}

/** The page as a file that needs nothing else: no script, no network. Light or dark as the reader's system is. */
export const htmlOf = ({ title, about, charts, tables, texts, notes, refresh }: Page): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
${refresh === undefined ? '' : `<meta http-equiv="refresh" content="${refresh}">\n`}<title>${escaped(title)}</title><style>${style}</style></head><body>
<header><h1>${escaped(title)}</h1>
${about.map(line => `<p>${escaped(line)}</p>`).join('\n')}</header>
${charts.map(figure).join('\n')}
${tables.map(section).join('\n')}
${texts.map(({ title, text }) => `<section><h2>${escaped(title)}</h2><blockquote>${escaped(text)}</blockquote></section>`).join('\n')}
<footer>${notes.map(note => `<p>${escaped(note)}</p>`).join('')}</footer>
</body></html>
`
