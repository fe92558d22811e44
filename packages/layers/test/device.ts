import { type Device, openDevice, type Tensor } from '@cria/tensor'
import { initialise, type Module } from '../src'

/** Layers compose ops, which `@cria/tensor` tests on every device: one device is enough here. */
export const device: Device = await openDevice('cpu')

/** Numbers from -2 to 2 without a pattern that a layer could mistake. */
export const numbers = (count: number, seed = 1): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(2 * Math.sin(12.9898 * (i + 1) * seed + 78.233 * seed)))

/** Draws random values for all parameters, because ones and zeros would hide errors. Returns them by path. */
export const randomise = (module: Module, seed = 2): Record<string, number[]> => {
  const values: Record<string, number[]> = {}
  for (const [path, parameter] of module.parameters()) {
    values[path] = numbers(parameter.size, seed + path.length)
    parameter.load(device.tensor(values[path], parameter.shape))
  }
  return values
}

/** Runs a layer on rows and returns its output rows. Tensors that are not freed are an error. */
export const runRows = async (
  layer: { forward(x: Tensor): Tensor },
  rows: readonly (readonly number[])[],
): Promise<number[][]> => {
  const before = device.memory.allocations
  const x = device.tensor(rows.flat(), [1, rows.length, rows[0].length])
  const y = layer.forward(x)
  const data = await y.read()
  const width = y.shape[2]
  x.dispose()
  y.dispose()
  if (device.memory.allocations !== before) throw new Error('the layer left tensors behind')
  return rows.map((_, i) => [...data.subarray(i * width, (i + 1) * width)])
}

/** A matrix [out, in] times a row. */
export const times = (weight: readonly number[], row: readonly number[]): number[] =>
  Array.from({ length: weight.length / row.length }, (_, out) =>
    row.reduce((sum, value, i) => sum + weight[out * row.length + i] * value, 0),
  )

/** The largest difference, over the largest value. */
export const relativeError = (found: readonly number[][], expected: readonly number[][]): number => {
  const [a, b] = [found.flat(), expected.flat()]
  if (a.length !== b.length) return Infinity
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]))) / Math.max(...b.map(Math.abs))
}

export const initialised = <M extends Module>(module: M, options?: { seed?: number; deviation?: number }): M => {
  initialise(module, device, options)
  return module
}
