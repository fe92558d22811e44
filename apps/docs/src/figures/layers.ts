import { LayerNorm, RmsNorm } from '@cria/layers'
import { type Device, gelu, layerNorm, relu, rmsNorm, siluMul } from '@cria/tensor'
import * as Plot from '@observablehq/plot'
import { colours, draw, type Figure, grid } from './plot'

/** A token's values with a mean of about 1. */
const values = [3.2, -0.4, 1.6, 0.2, 2.8, -1.1, 0.9, 1.9, 4.1, -0.7, 0.4, 1.3]

/** The same values unchanged, after RMSNorm, and after LayerNorm, with gains of 1 and biases of 0. */
export const normalised = async (device: Device): Promise<Figure> => {
  const size = values.length
  using x = device.tensor(values, [1, size])
  using ones = device.tensor(new Float32Array(size).fill(1), [size])
  using zeros = device.zeros([size])
  using rms = rmsNorm(x, ones, new RmsNorm(size).eps)
  using layer = layerNorm(x, ones, zeros, new LayerNorm(size).eps)
  const panels = [
    { name: 'input', row: Float32Array.from(values) },
    { name: 'RMSNorm', row: await rms.read() },
    { name: 'LayerNorm', row: await layer.read() },
  ]
  const bars = panels.flatMap(({ name, row }) => Array.from(row, (value, index) => ({ name, value, index })))
  const facts = panels.map(({ name, row }) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / size
    const square = row.reduce((sum, value) => sum + value * value, 0) / size
    return { name, mean, text: `mean ${Math.abs(mean).toFixed(2)}, rms ${Math.sqrt(square).toFixed(2)}` }
  })
  return draw(`${facts.map(({ name, text }) => `${name}: ${text}`).join('; ')}.`, {
    height: 220,
    marginTop: 40,
    fx: { domain: panels.map(({ name }) => name), label: null, axis: null },
    x: { axis: null, padding: 0.2 },
    y: { label: null, ticks: 5 },
    marks: [
      Plot.gridY({ ticks: 5, ...grid }),
      Plot.barY(bars, { fx: 'name', x: 'index', y: 'value', fill: colours.series(0) }),
      Plot.ruleY(facts, { fx: 'name', y: 'mean', stroke: colours.series(1), strokeWidth: 2 }),
      Plot.ruleY([0], { stroke: colours.faint }),
      Plot.text(facts, { fx: 'name', frameAnchor: 'top', dy: -34, text: 'name', fontWeight: 'bold' }),
      Plot.text(facts, { fx: 'name', frameAnchor: 'top', dy: -18, text: 'text', fill: colours.faint }),
    ],
  })
}

const points = 121

/** ReLU, GELU and SiLU, which gates the hidden units of SwiGLU. */
export const activationCurves = async (device: Device): Promise<Figure> => {
  const inputs = Float32Array.from({ length: points }, (_, i) => -4 + (8 * i) / (points - 1))
  using x = device.tensor(inputs, [1, points])
  using ones = device.tensor(new Float32Array(points).fill(1), [1, points])
  using rectified = relu(x)
  using smooth = gelu(x)
  using gate = siluMul(x, ones)
  const curves = [
    { name: 'ReLU', values: await rectified.read() },
    { name: 'GELU', values: await smooth.read() },
    { name: 'SiLU', values: await gate.read() },
  ]
  const line = curves.flatMap(({ name, values }, series) =>
    Array.from(values, (y, i) => ({ name, series, x: inputs[i], y })),
  )
  const least = Math.min(...curves[2].values)
  const stroke = (curve: { series: number }) => colours.series(curve.series)
  const legend = curves.map(({ name }, series) => ({ name, series, x: -3.9, y: 3.6 - 0.5 * series }))
  return draw(`ReLU, GELU and SiLU from -4 to 4. SiLU falls to ${least.toFixed(2)} before it comes back to 0.`, {
    height: 280,
    x: { label: 'x', ticks: 8 },
    y: { label: null, ticks: 5, domain: [-0.6, 4] },
    color: { type: 'identity' },
    marks: [
      Plot.gridY({ ticks: 5, ...grid }),
      Plot.ruleY([0], { stroke: colours.faint }),
      Plot.line(line, { x: 'x', y: 'y', z: 'name', stroke, strokeWidth: 2 }),
      Plot.dot(legend, { x: 'x', y: 'y', r: 5, fill: stroke }),
      Plot.text(legend, { x: 'x', y: 'y', text: 'name', dx: 12, textAnchor: 'start', fill: colours.text }),
    ],
  })
}
