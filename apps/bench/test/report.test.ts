import { describe, expect, test } from 'vitest'
import { measure } from '../src/measure'
import { counted, number, percent, quantity, seconds, spread } from '../src/report/format'
import { htmlOf } from '../src/report/html'
import type { Report } from '../src/report/report'
import { textOf } from '../src/report/text'

const report: Report = {
  title: 'A <title> & more',
  command: 'pnpm bench inference --model "x"',
  date: '2026-01-02T03:04:05.000Z',
  machine: { processor: 'P', cores: 2, memory: 16e9, system: 'S', node: 'v20' },
  ran: [{ name: 'Cria', description: 'device simd' }],
  tables: [
    {
      title: 'T',
      columns: ['', 'decode'],
      rows: [
        ['Cria', '161'],
        ['llama.cpp', '7'],
      ],
    },
  ],
  charts: [
    {
      title: 'Decode',
      caption: 'Longer is faster.',
      unit: 'tokens/s',
      bars: [
        { label: 'Cria', role: 'cria', measure: measure('tokens/s', [150, 161, 170]) },
        { label: 'llama.cpp', role: 'peer', measure: measure('tokens/s', [80, 90, 85]) },
      ],
    },
  ],
  notes: ['A note.'],
  data: {},
}

describe('numbers', () => {
  test('have three digits', () => {
    expect([0.01234, 27.44, 161.2, 1619.6].map(number)).toEqual(['0.0123', '27.4', '161', '1,620'])
    expect(spread({ median: 27.44, min: 26.8, max: 27.9 })).toBe('27.4 (26.8–27.9)')
    expect(percent(0.756)).toBe('75.6 %')
  })

  test('have units that fit', () => {
    expect(quantity(1.17e9, 'B')).toBe('1.17 GB')
    expect(quantity(42_100_000_000, 'B/s')).toBe('42.1 GB/s')
    expect(quantity(12, 'B')).toBe('12.0 B')
    expect([2, 0.083, 4.1e-6].map(seconds)).toEqual(['2.00 s', '83.0 ms', '4.10 µs'])
    expect([counted(1, 'thread'), counted(2, 'thread')]).toEqual(['1 thread', '2 threads'])
  })
})

test('a report for the terminal has columns', () => {
  expect(textOf(report)).toBe(`A <title> & more
P, 2 cores, Node v20

Cria: device simd

T
           decode
Cria          161
llama.cpp       7

A note.
`)
})

describe('a page', () => {
  const html = htmlOf(report)

  test('draws every bar, spread and sample', () => {
    const count = (pattern: RegExp) => html.match(pattern)?.length ?? 0
    expect(count(/var\(--cria\)/g)).toBeGreaterThanOrEqual(1)
    expect(count(/var\(--peer\)/g)).toBeGreaterThanOrEqual(1)
    expect(count(/<circle/g)).toBe(6)
    expect(html).toContain('>161<')
  })

  test('escapes what it shows', () => {
    expect(html).toContain('<h1>A &lt;title&gt; &amp; more</h1>')
    expect(html).toContain('--model &quot;x&quot;')
  })

  test('needs no script and no network', () => {
    expect(html).not.toMatch(/<script|<link|\bsrc=|@import|url\((?!#)/)
    expect(html.match(/https?:\/\/[^"\s<]+/g)?.filter(url => !url.startsWith('http://www.w3.org/')) ?? []).toEqual([])
  })

  test('is light or dark as the system is', () => {
    expect(html).toContain('prefers-color-scheme: dark')
  })
})
