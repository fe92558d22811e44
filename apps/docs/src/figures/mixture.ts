import { createMixture, llamaMixture, memoryTokens, planMixture } from '@cria/data-mixture'
import * as Plot from '@observablehq/plot'
import { colours, draw, type Figure, grid } from './plot'

/** Tokens of LLaMA 33B and 65B (LLaMA, section 2.1). */
const totalTokens = 1.4e12

/** How often the paper's run reads each of its sources. */
export const mixtureEpochs = (): Figure => {
  const { sources } = planMixture(llamaMixture, totalTokens)
  const told = sources.map(({ name, epochs }) => `${name} ${epochs.toFixed(2)}`).join(', ')
  return draw(`Epochs of each source in 1.4 trillion tokens: ${told}.`, {
    height: 60 + 30 * sources.length,
    marginLeft: 120,
    marginRight: 50,
    x: { label: 'epochs', ticks: 5 },
    y: { label: null, domain: sources.map(({ name }) => name), tickSize: 0, padding: 0.3 },
    marks: [
      Plot.gridX({ ticks: 5, ...grid }),
      Plot.barX(sources, { x: 'epochs', y: 'name', fill: colours.series(0) }),
      Plot.ruleX([1], { stroke: colours.text, strokeDasharray: '4 3' }),
      Plot.text(sources, {
        ...{ x: 'epochs', y: 'name', text: ({ epochs }) => epochs.toFixed(2) },
        ...{ textAnchor: 'start', dx: 6, fill: colours.text },
      }),
    ],
  })
}

/** The sources are scaled down by this factor: only their relative sizes matter for the order. */
const scale = 1e9
const rows = 200
const columns = 40

/** The source of each of the first rows, by the order that `createMixture` gives. */
export const mixtureOrder = async (): Promise<Figure> => {
  const mixture = createMixture(
    llamaMixture.map(({ name, share, uniqueTokens }) => {
      const tokens = Math.round(uniqueTokens / scale)
      const store = memoryTokens(new Uint16Array(tokens), { vocabSize: 1, documentEnds: [tokens] })
      return { name, share, tokens: store }
    }),
    { rowTokens: 1 },
  )
  const cells = Array.from({ length: rows }, (_, row) => {
    const { source } = mixture.place(row)
    return { x: row % columns, y: Math.floor(row / columns), name: mixture.sources[source].name }
  })
  const names = mixture.sources.map(({ name }) => name)
  const told = names.map(name => `${name} ${cells.filter(cell => cell.name === name).length}`).join(', ')
  // The legend is a column of marks: Plot's own is HTML, which a drawing without a browser lacks.
  const legend = names.map((name, index) => ({ x: columns + 1.5, y: index * 0.75, name }))
  return draw(`Sources of the first ${rows} rows: ${told}.`, {
    height: 190,
    margin: 4,
    marginBottom: 4,
    marginRight: 110,
    color: { domain: names, range: names.map((_, index) => `var(--source-${index})`) },
    x: { axis: null, domain: [-0.5, columns + 1] },
    y: { axis: null, reverse: true, domain: [-0.5, rows / columns - 0.5] },
    marks: [
      Plot.rect(cells, {
        ...{ x1: ({ x }) => x - 0.45, x2: ({ x }) => x + 0.45, y1: ({ y }) => y - 0.42, y2: ({ y }) => y + 0.42 },
        fill: 'name',
      }),
      Plot.dot(legend, { x: 'x', y: 'y', r: 5, fill: 'name', clip: false }),
      Plot.text(legend, { x: 'x', y: 'y', text: 'name', dx: 10, textAnchor: 'start', fill: colours.text }),
    ],
  })
}
