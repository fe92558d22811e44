// Runs the op on every device here, and compares its values with its reference and its gradient with differences.

import { listDevices, openDevice, sum, Tape } from '@cria/tensor'
import { squaredRelu, squaredReluOp } from './squared-relu'

const shape = [2, 3]
const values = Float32Array.of(-2, -0.5, 0.25, 1, 1.5, 3)
const reference = (data: ArrayLike<number>) => squaredReluOp.reference([{ shape, data }], undefined)[0]

// The gradient of Σy by each element, from the reference: (Σy(x + h) - Σy(x - h)) / 2h.
const total = (data: Float64Array) => reference(data).reduce((sum, value) => sum + value, 0)
const moved = (i: number, by: number) => Float64Array.from(values, (value, j) => (i === j ? value + by : value))
const slopes = Array.from(values, (_, i) => (total(moved(i, 1e-4)) - total(moved(i, -1e-4))) / 2e-4)

const largestError = (found: ArrayLike<number>, expected: ArrayLike<number>) =>
  Math.max(...Array.from(found, (value, i) => Math.abs(value - expected[i])))

for (const { name, available } of await listDevices()) {
  // `shape` computes no values. `simd` runs only its built-in kernels.
  if (!available || name === 'shape' || name === 'simd') continue
  await using device = await openDevice(name)
  using x = device.tensor(values, shape)
  using tape = new Tape(device, [x])
  const y = squaredRelu(x)
  const [gradient] = tape.gradients(sum(y), [x])
  const error = largestError(await y.read(), reference(values))
  const gradientError = largestError(await gradient.read(), slopes)
  console.log(`${name}: error ${error.toExponential(1)}, of the gradient ${gradientError.toExponential(1)}`)
}
