import { parseHTML } from 'linkedom'
import { expect, test } from 'vitest'
import { drawCurves, drawIntervals } from './charts'
import type { Curves, Series } from './page'

const curves = (series: Series[], more: Partial<Curves> = {}) =>
  parse(drawCurves({ kind: 'curves', title: 'Loss', caption: '', x: 'tokens', y: 'nats', series, ...more }))

const parse = (svg: string) => {
  const { document } = parseHTML(svg)
  const all = (selector: string) => Array.from(document.querySelectorAll(selector))
  return {
    texts: (label: string) => all(`[aria-label="${label}"] text`).map(node => node.textContent),
    count: (selector: string) => all(selector).length,
    attribute: (selector: string, name: string) => all(selector).map(node => node.getAttribute(name)),
  }
}

const line = (name: string, length: number, y: (i: number) => number): Series => {
  return { name, points: Array.from({ length }, (_, i) => [i, y(i)] as const) }
}

test('axes have names, and short numbers', () => {
  const points = [0, 2e6].map(x => [x, 100 + x / 1e6] as const)
  const { texts } = curves([{ name: 'a', points }])
  expect(texts('x-axis tick label')).toEqual(['0', '500K', '1M', '1.5M', '2M'])
  expect(texts('x-axis label')).toEqual(['tokens →'])
  expect(texts('y-axis label')).toEqual(['↑ nats'])
  expect(texts('y-axis tick label')[0]).toBe('100')
  expect(curves([{ name: 'a', points }], { yFromZero: true }).texts('y-axis tick label')[0]).toBe('0')
})

test('few points have dots, and many are thinned to their means', () => {
  const pathOf = (series: Series) => curves([series]).attribute('[aria-label=line] path', 'd')[0] ?? ''
  const pointsOf = (series: Series) => pathOf(series).split('L').length
  expect([1, 40, 41].map(length => curves([line('a', length, i => i)]).count('circle'))).toEqual([1, 40, 0])
  // 5,396 points are 599 groups of 9, and one of 5.
  expect([599, 600, 601, 1200, 5396].map(length => pointsOf(line('a', length, i => i)))).toEqual([
    ...[599, 600, 301, 600, 600],
  ])
  // The means of pairs of 0, 3, 1, 2, and so on, are 1.5 everywhere: a straight line.
  const saw = pathOf(line('a', 1000, i => [0, 3, 1, 2][i % 4]))
  expect(
    new Set(
      saw
        .slice(1)
        .split('L')
        .map(point => point.split(',')[1]),
    ).size,
  ).toBe(1)
})

test('a faint curve is thin', () => {
  const { attribute } = curves([{ ...line('a', 50, i => i), faint: true }, line('b', 50, i => i)])
  expect(attribute('[aria-label=line]', 'stroke-width')).toEqual(['0.8', '1.8'])
  expect(attribute('[aria-label=line]', 'stroke-opacity')).toEqual(['0.45', null])
})

test('an interval is a line around its mean; an infinite interval has no line', () => {
  const { texts, count, attribute } = parse(
    drawIntervals({
      kind: 'intervals',
      title: 'Differences',
      caption: '',
      x: 'bits per byte',
      rows: [
        { name: 'GQA', mean: 0.5, margin: 0.25, values: [0.25, 0.75] },
        { name: 'MQA', mean: 1, margin: Infinity, values: [1] },
      ],
    }),
  )
  expect(texts('y-axis tick label')).toEqual(['GQA', 'MQA'])
  expect(texts('x-axis label')).toEqual(['bits per byte →'])
  expect(attribute('svg', 'aria-label')).toEqual(['Differences'])
  expect(attribute('svg', 'height')).toEqual([String(60 + 2 * 34)])
  // Two rows of means, and three values.
  expect([count('circle[r="5"]'), count('circle[r="2"]')]).toEqual([2, 3])
  const [x1, x2] = ['x1', 'x2'].map(name => attribute('[aria-label=rule][stroke-width="3"] line', name))
  const [low, high] = attribute('circle[r="2"]', 'cx')
  expect([x1, x2]).toEqual([[low], [high]])
})
