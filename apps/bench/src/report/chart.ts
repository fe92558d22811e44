import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { number } from './format'
import type { Chart } from './report'

const WIDTH = 760
const ROW = 30

/** Numbers beside an axis: `1,000`. */
const tick = (value: unknown): string => Number(value).toLocaleString('en-US')

/** The longest label decides where the bars begin. About 7 pixels a character at this size. */
const labelWidth = ({ bars }: Chart) => 14 + 7 * Math.max(...bars.map(({ label }) => label.length))

/**
 * A chart as SVG: a bar to the median, a line from the least to the most, a point for each round. Colours are CSS
 * variables of the page, so one drawing serves light and dark.
 */
export const drawChart = (chart: Chart): string => {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const { bars, unit } = chart
  const points = bars.flatMap(({ label, role, measure }) => measure.samples.map(value => ({ label, role, value })))
  const colour = ({ role }: { role: string }) => `var(--${role})`
  const svg = Plot.plot({
    document: document as unknown as Document,
    width: WIDTH,
    height: 56 + ROW * bars.length,
    marginLeft: labelWidth(chart),
    marginRight: 70,
    marginTop: 6,
    marginBottom: 42,
    className: 'chart',
    color: { type: 'identity' },
    x: { label: unit, labelAnchor: 'right', nice: true, zero: true, ticks: 5, tickFormat: tick },
    y: { label: null, domain: bars.map(({ label }) => label), padding: 0.35, tickSize: 0 },
    marks: [
      Plot.gridX({ ticks: 5, stroke: 'var(--grid)', strokeOpacity: 1 }),
      Plot.barX(bars, { x: bar => bar.measure.median, y: 'label', fill: colour, rx: 3 }),
      Plot.ruleY(bars, { x1: bar => bar.measure.min, x2: bar => bar.measure.max, y: 'label', stroke: 'var(--ink)' }),
      Plot.dot(points, { x: 'value', y: 'label', r: 2.5, fill: 'var(--paper)', stroke: 'var(--ink)', strokeWidth: 1 }),
      Plot.text(bars, {
        x: bar => Math.max(0, bar.measure.max),
        y: 'label',
        text: bar => number(bar.measure.median),
        textAnchor: 'start',
        dx: 9,
        fill: 'var(--ink)',
        fontWeight: 600,
      }),
    ],
  })
  return (svg as unknown as { readonly outerHTML: string }).outerHTML
}
