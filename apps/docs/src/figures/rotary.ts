import { RotaryEmbedding } from '@cria/layers'
import { type Device, linear, type Tensor } from '@cria/tensor'
import * as Plot from '@observablehq/plot'
import { colours, draw, type Figure, grid } from './plot'

// Shapes: P positions, C head dim.

/** One vector, rotated for each of the positions 0 to P - 1: [P, 1, C]. */
const turned = (device: Device, vector: readonly number[], positions: number): Tensor => {
  const headDim = vector.length
  using scope = device.scope()
  using rotary = new RotaryEmbedding(headDim)
  const rows = Float32Array.from({ length: positions * headDim }, (_, i) => vector[i % headDim])
  const x = device.tensor(rows, [positions, 1, headDim])
  const at = Int32Array.from({ length: positions }, (_, position) => position)
  return scope.keep(rotary.forward(x, rotary.angles(device, at, at), device.tensor(at, [positions])))
}

/** The first value of some pairs that start as (1, 0), by position: fast pairs and slow ones. */
export const rotaryPairs = async (device: Device): Promise<Figure> => {
  const [headDim, positions] = [32, 64]
  using x = turned(
    device,
    Array.from({ length: headDim }, (_, i) => 1 - (i % 2)),
    positions,
  )
  const values = await x.read()
  const pairs = [0, 2, 4, 8]
  const line = pairs.flatMap((pair, series) =>
    Array.from({ length: positions }, (_, position) => ({
      ...{ name: `pair ${pair}`, series, position, value: values[position * headDim + 2 * pair] },
    })),
  )
  return draw(`The cosine of the angle of pairs ${pairs.join(', ')} of ${headDim / 2}, at positions 0 to 63.`, {
    height: 260,
    marginRight: 70,
    x: { label: 'position', ticks: 8 },
    y: { label: 'first value of the pair', ticks: 5 },
    color: { type: 'identity' },
    marks: [
      Plot.gridY({ ticks: 5, ...grid }),
      Plot.line(line, {
        ...{ x: 'position', y: 'value', z: 'name', stroke: point => colours.series(point.series), strokeWidth: 2 },
      }),
      Plot.text(
        line.filter(({ position }) => position === positions - 1),
        { x: 'position', y: 'value', text: 'name', dx: 6, textAnchor: 'start', fill: colours.text },
      ),
    ],
  })
}

/** The product of a query and a key that are the same vector, by their distance, for two positions of the key. */
export const rotaryScores = async (device: Device): Promise<Figure> => {
  const [headDim, distances, starts] = [64, 128, [0, 100]]
  const positions = Math.max(...starts) + distances + 1
  using x = turned(device, new Array<number>(headDim).fill(1 / Math.sqrt(headDim)), positions)
  using rows = x.reshape(positions, headDim)
  using products = linear(rows, rows) // [P, P]
  const values = await products.read()
  const scores = starts.map(start =>
    Array.from({ length: distances + 1 }, (_, distance) => ({
      distance,
      score: values[(start + distance) * positions + start],
    })),
  )
  const apart = Math.max(...scores[0].map(({ score }, i) => Math.abs(score - scores[1][i].score)))
  const told = `The scores of keys at positions 0 and 100 differ by at most ${apart.toExponential(0)}.`
  return draw(told, {
    height: 260,
    x: { label: 'distance in tokens', ticks: 8 },
    y: { label: 'score', ticks: 5 },
    marks: [
      Plot.gridY({ ticks: 5, ...grid }),
      Plot.ruleY([0], { stroke: colours.faint }),
      Plot.line(scores[0], { x: 'distance', y: 'score', stroke: colours.series(0), strokeWidth: 2 }),
      Plot.dot(
        scores[1].filter(({ distance }) => distance % 4 === 0),
        { x: 'distance', y: 'score', fill: colours.series(1), r: 3 },
      ),
    ],
  })
}
