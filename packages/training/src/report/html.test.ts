import { parseHTML } from 'linkedom'
import { expect, test } from 'vitest'
import { htmlOf } from './html'
import type { Page } from './page'

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
