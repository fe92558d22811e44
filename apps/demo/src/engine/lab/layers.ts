import { LayerNorm, RmsNorm } from '@cria/layers'
import { gelu, layerNorm, relu, rmsNorm, siluMul } from '@cria/tensor'
import type { Activations } from '../types'
import { labDevice } from './device'

/** The values as RMSNorm and as LayerNorm leave them, with gains of 1 and biases of 0: what training starts from. */
export const normalise = async (values: readonly number[]) => {
  const device = await labDevice()
  const size = values.length
  using x = device.tensor(Float32Array.from(values), [1, size])
  using ones = device.tensor(new Float32Array(size).fill(1), [size])
  using zeros = device.zeros([size])
  using rms = rmsNorm(x, ones, new RmsNorm(size).eps)
  using layer = layerNorm(x, ones, zeros, new LayerNorm(size).eps)
  return { rms: await rms.read(), layer: await layer.read() }
}

/** What one hidden unit gives for an input x: ReLU, GELU, and SiLU times the other half's value `up`. */
export const activations = async (from: number, to: number, points: number, up: number): Promise<Activations> => {
  const device = await labDevice()
  const x = Float32Array.from({ length: points }, (_, i) => from + ((to - from) * i) / (points - 1))
  using input = device.tensor(x, [1, points])
  using other = device.tensor(new Float32Array(points).fill(up), [1, points])
  using rectified = relu(input)
  using smooth = gelu(input)
  using gated = siluMul(input, other)
  return { x, relu: await rectified.read(), gelu: await smooth.read(), swiglu: await gated.read() }
}
