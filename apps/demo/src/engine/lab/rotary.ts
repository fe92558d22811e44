import { RotaryEmbedding } from '@cria/layers'
import { linear, type Tensor } from '@cria/tensor'
import type { RotaryScores } from '../types'
import { labDevice } from './device'

// Shapes: P positions, C head dim.

/** The same vector turned at positions 0 to P - 1: [P, 1, C]. */
const turned = async (vector: Float32Array, theta: number, positions: number): Promise<Tensor> => {
  const device = await labDevice()
  const headDim = vector.length
  using rotary = new RotaryEmbedding(headDim, { theta })
  const rows = Float32Array.from({ length: positions * headDim }, (_, i) => vector[i % headDim])
  using x = device.tensor(rows, [positions, 1, headDim])
  const at = Int32Array.from({ length: positions }, (_, position) => position)
  using rowsOfTable = device.tensor(at, [positions])
  return rotary.forward(x, rotary.angles(device, at, at), rowsOfTable)
}

/** Each pair starts as the unit vector (1, 0), so what comes out is where its arrow points. [P, C] */
export const rotate = async (headDim: number, theta: number, positions: number): Promise<Float32Array> => {
  const unit = Float32Array.from({ length: headDim }, (_, i) => 1 - (i % 2))
  using result = await turned(unit, theta, positions)
  return result.read()
}

/** Scores of one vector with itself, turned at two positions: of distances 0 to `distances`, starting at each shift. */
export const rotaryScores = async (
  headDim: number,
  theta: number,
  distances: number,
  shifts: readonly number[],
): Promise<RotaryScores> => {
  const positions = Math.max(...shifts) + distances + 1
  using x = await turned(new Float32Array(headDim).fill(1 / Math.sqrt(headDim)), theta, positions)
  using rows = x.reshape(positions, headDim)
  using products = linear(rows, rows) // [P, P]
  const values = await products.read()
  return {
    scores: shifts.map(shift =>
      Float32Array.from({ length: distances + 1 }, (_, d) => values[(shift + d) * positions + shift]),
    ),
  }
}
