import { parseHTML } from 'linkedom'
import { expect, test } from 'vitest'
import { htmlOf } from './html'
import type { Curves, Page } from './page'

const page: Page = {
  title: 'A <run> & more',
  about: ['today'],
  charts: [
    {
      kind: 'curves',
      title: 'Loss',
      caption: 'lower is better',
      x: 'tokens',
      y: 'nats',
      series: [
        { name: 'training', faint: true, points: Array.from({ length: 5000 }, (_, i) => [i, 5 / (1 + i)] as const) },
        {
          name: 'held out',
          points: [
            [0, 5],
            [4999, 1],
          ],
        },
      ],
    },
    {
      kind: 'intervals',
      title: 'Differences',
      caption: 'against MHA',
      x: 'bits per byte',
      rows: [
        { name: 'GQA', mean: 0.01, margin: 0.02, values: [0, 0.02] },
        { name: 'MQA', mean: 0.1, margin: Infinity, values: [0.1] },
      ],
    },
  ],
  tables: [{ title: 'Shares', columns: ['source', 'asked'], rows: [['web', '0.5']] }],
  texts: [{ title: 'Step 1', text: '</blockquote><script>alert(1)</script>' }],
  notes: ['a note'],
}

const parse = (html: string) => parseHTML(html).document

test('a page shows every chart, table and text', () => {
  const document = parse(htmlOf(page))
  expect(document.querySelectorAll('svg.chart')).toHaveLength(2)
  const names = Array.from(document.querySelectorAll('svg[role=img]'), svg => svg.getAttribute('aria-label'))
  expect(names).toEqual(['Loss', 'Differences'])
  expect(document.querySelector('h1')?.textContent).toBe('A <run> & more')
  expect(document.querySelector('td')?.textContent).toBe('web')
  expect(Array.from(document.querySelectorAll('.key li'), item => item.textContent)).toEqual(['training', 'held out'])
})

test('texts of a model are escaped', () => {
  const document = parse(htmlOf(page))
  expect(document.querySelector('blockquote')?.textContent).toBe('</blockquote><script>alert(1)</script>')
  expect(document.querySelectorAll('script')).toHaveLength(0)
})

test('a page needs no other file, and stays small', () => {
  const html = htmlOf(page)
  expect(html).not.toMatch(/(src|href)="/)
  expect(html.length).toBeLessThan(60_000)
  expect(html).not.toContain('NaN')
})

test('a page as a whole', () => {
  const [, intervals] = page.charts
  const html = htmlOf({
    title: 'A & B',
    about: ['one', '2 < 3'],
    charts: [{ ...(page.charts[0] as Curves), title: 'X"Y', series: [{ name: 'alone', points: [[1, 2]] }] }, intervals],
    tables: [
      {
        title: '<T>',
        columns: ['name', 'n'],
        rows: [
          ['a>b', '1'],
          ['c', '2'],
        ],
      },
    ],
    texts: [
      { title: 'S', text: 'x' },
      { title: 'T', text: 'y' },
    ],
    notes: ['n1', 'n&2'],
  })
  expect(html.slice(0, html.indexOf('<style>'))).toBe(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>A &amp; B</title>`)
  expect(html.slice(html.indexOf('</style>')).replace(/<svg .*?<\/svg>/gs, '<svg/>')).toBe(`</style></head><body>
<header><h1>A &amp; B</h1>
<p>one</p>
<p>2 &lt; 3</p></header>
<figure><h2>X&quot;Y</h2><figcaption>lower is better</figcaption><svg/></figure>
<figure><h2>Differences</h2><figcaption>against MHA</figcaption><svg/></figure>
<section><h2>&lt;T&gt;</h2><div class="scroll"><table><thead><tr><th>name</th><th>n</th></tr></thead>
<tbody><tr><td>a&gt;b</td><td>1</td></tr>
<tr><td>c</td><td>2</td></tr></tbody></table></div></section>
<section><h2>S</h2><blockquote>x</blockquote></section>
<section><h2>T</h2><blockquote>y</blockquote></section>
<footer><p>n1</p><p>n&amp;2</p></footer>
</body></html>
`)
})

test('the key has the colours of the curves, which begin again after six', () => {
  const series = Array.from('abcdefgh', name => ({
    name,
    points: [
      [0, 1],
      [1, 2],
    ] as const,
  }))
  const document = parse(htmlOf({ ...page, charts: [{ ...(page.charts[0] as Curves), series }] }))
  const colours = [0, 1, 2, 3, 4, 5, 0, 1].map(i => `var(--series-${i})`)
  const key = Array.from(document.querySelectorAll('.key i'), item => item.getAttribute('style'))
  expect(key).toEqual(colours.map(colour => `background: ${colour}`))
  expect(document.querySelector('.key')?.textContent).toBe('abcdefgh')
  const lines = Array.from(document.querySelectorAll('svg [aria-label=line]'), line => line.getAttribute('stroke'))
  expect(lines).toEqual(colours)
})

test('the page of a running run reloads itself', () => {
  expect(htmlOf(page)).not.toContain('http-equiv')
  expect(htmlOf({ ...page, refresh: 30 })).toContain('<meta http-equiv="refresh" content="30">')
})

test('a run that has just begun has a page too', () => {
  const [curves] = page.charts
  const first = {
    ...curves,
    series: [
      { name: 'training', points: [[1, 5]] },
      { name: 'held out', points: [] },
    ],
  } as typeof curves
  expect(htmlOf({ ...page, charts: [first] })).toContain('<svg')
})
