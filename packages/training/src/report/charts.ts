import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import type { Curves, Intervals, Series } from './page'

const WIDTH = 760
const ROW = 34
const MAX_POINTS = 600

/** Reduces a series to at most this many points, each the mean of its neighbours. */
const thinned = ({ points }: Series): { x: number; y: number }[] => {
  const size = Math.ceil(points.length / MAX_POINTS)
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const group = points.slice(i * size, (i + 1) * size)
    const y = group.reduce((sum, point) => sum + point[1], 0) / group.length
    return { x: group[group.length - 1][0], y }
  })
}

/** `1200000` as `1.2M`. */
const tick = (value: unknown): string =>
  Number(value).toLocaleString('en-US', { notation: 'compact', maximumSignificantDigits: 4 })

const colour = (index: number) => `var(--series-${index % 6})`

/** SVG that a page holds as text. Colours are CSS variables, so one drawing serves light and dark. */
const draw = (title: string, options: Plot.PlotOptions): string => {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const plot = Plot.plot({
    document: document as unknown as Document,
    width: WIDTH,
    className: 'chart',
    ariaLabel: title,
    marginBottom: 42,
    ...options,
  })
  return (plot as unknown as { readonly outerHTML: string }).outerHTML.replace('<svg ', '<svg role="img" ')
}

const grid = { stroke: 'var(--grid)', strokeOpacity: 1 } as const

export const drawCurves = ({ title, x, y, series, yFromZero = false }: Curves): string =>
  draw(title, {
    height: 300,
    marginLeft: 58,
    x: { label: x, tickFormat: tick, ticks: 6 },
    y: { label: y, tickFormat: tick, ticks: 6, zero: yFromZero, nice: true },
    marks: [
      Plot.gridY({ ticks: 6, ...grid }),
      ...series.flatMap((one, i) => {
        const points = thinned(one)
        const stroke = colour(i)
        const look = one.faint ? { strokeWidth: 0.8, strokeOpacity: 0.45 } : { strokeWidth: 1.8 }
        // A line needs two points.
        const marks: Plot.Markish[] = [Plot.line(points, { x: 'x', y: 'y', stroke, ...look })]
        if (points.length <= 40) marks.push(Plot.dot(points, { x: 'x', y: 'y', r: 2.5, fill: stroke }))
        return marks
      }),
    ],
  })

export const drawIntervals = ({ title, x, rows }: Intervals): string => {
  const values = rows.flatMap(({ name, values }) => values.map(value => ({ name, value })))
  const bounded = rows.filter(({ margin }) => Number.isFinite(margin))
  return draw(title, {
    height: 60 + ROW * rows.length,
    marginLeft: 16 + 7 * Math.max(...rows.map(({ name }) => name.length)),
    x: { label: x, ticks: 6, nice: true },
    y: { label: null, domain: rows.map(({ name }) => name), tickSize: 0 },
    marks: [
      Plot.gridX({ ticks: 6, ...grid }),
      Plot.ruleX([0], { stroke: 'var(--faint)' }),
      Plot.ruleY(bounded, {
        x1: row => row.mean - row.margin,
        x2: row => row.mean + row.margin,
        y: 'name',
        stroke: colour(0),
        strokeWidth: 3,
      }),
      Plot.dot(values, { x: 'value', y: 'name', r: 2, fill: 'var(--faint)' }),
      Plot.dot(rows, { x: 'mean', y: 'name', r: 5, fill: colour(0) }),
    ],
  })
}
