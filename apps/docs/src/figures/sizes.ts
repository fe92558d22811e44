import * as Plot from '@observablehq/plot'
import { describeConfig, publishedSizes } from 'cria'
import { colours, draw, type Figure, grid } from './plot'

const context = 4096

/** The cache of every published size at 4096 tokens in f16, and of the largest with multi-head attention. */
export const cacheSizes = async (): Promise<Figure> => {
  const largest = publishedSizes['llama2-70b']
  const sizes = {
    ...publishedSizes,
    'llama2-70b, 64 kv heads': { ...largest, n_kv_heads: largest.n_heads },
  }
  const bars = await Promise.all(
    Object.entries(sizes).map(async ([name, config]) => {
      const { kvBytesPerToken } = await describeConfig(config)
      const grouped = (config.n_kv_heads ?? config.n_heads) < config.n_heads
      return { name, grouped, gibibytes: (kvBytesPerToken.f16 * context) / 2 ** 30 }
    }),
  )
  const told = bars.map(({ name, gibibytes }) => `${name} ${gibibytes.toFixed(2)}`).join(', ')
  return draw(`GiB of keys and values for ${context} tokens in f16: ${told}.`, {
    height: 60 + 28 * bars.length,
    marginLeft: 170,
    marginRight: 50,
    color: { type: 'identity' },
    x: { label: `GiB for ${context} tokens in f16`, ticks: 5 },
    y: { label: null, domain: bars.map(({ name }) => name), tickSize: 0, padding: 0.3 },
    marks: [
      Plot.gridX({ ticks: 5, ...grid }),
      Plot.barX(bars, { x: 'gibibytes', y: 'name', fill: ({ grouped }) => colours.series(grouped ? 0 : 2) }),
      Plot.text(bars, {
        ...{ x: 'gibibytes', y: 'name', text: ({ gibibytes }) => gibibytes.toFixed(2) },
        ...{ textAnchor: 'start', dx: 6, fill: colours.text },
      }),
    ],
  })
}
