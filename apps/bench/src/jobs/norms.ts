import type { Module } from '@cria/layers'
import type { Device, DeviceName } from '@cria/tensor'
import { VariantModel, type VariantSizes } from '@cria/training/experiments'
import { openOnThreads } from '../device'
import { fixedIds } from '../inference/stream'
import type { Job } from '../job'
import { randomTensor } from '../synthetic/weights'

/** The normalisation that a model has wherever LLaMA has RMSNorm. */
export type NormName = 'RMSNorm' | 'LayerNorm'

export interface NormsOptions {
  readonly device: DeviceName | 'auto'
  readonly threads: number
  readonly norm: NormName
  readonly size: VariantSizes
  readonly prompt: number
}

/** A round is the mean of this many passes over one token, because one takes only milliseconds. */
const TOKEN_PASSES = 16

/** Matrices of random numbers that keep activations finite, and vectors of ones. */
const randomise = (model: Module, device: Device): void => {
  for (const [path, parameter] of model.parameters()) {
    const { shape, size } = parameter
    const isMatrix = shape.length > 1
    const random = () => randomTensor(shape, 'f32', -6, path.length * size).data as Float32Array
    parameter.load(device.tensor(isMatrix ? random() : new Float32Array(size).fill(1), shape))
  }
}

/** Whole forward passes of a model with one normalisation: seconds over a prompt, and over one token. */
export const prepare = async ({ device: name, threads, norm, size, prompt }: NormsOptions): Promise<Job> => {
  const device = await openOnThreads(name, threads)
  const model = new VariantModel(device, size, { norm: norm === 'RMSNorm' ? 'rms' : 'layer' })
  randomise(model, device)
  const ids = fixedIds(prompt, size.vocab_size)
  const seconds = async (tokens: number, passes: number): Promise<number> => {
    const start = performance.now()
    for (let pass = 0; pass < passes; pass++) {
      using logits = model.forward(ids.slice(0, tokens))
      await logits.read()
    }
    return (performance.now() - start) / passes / 1000
  }
  const op = norm === 'RMSNorm' ? 'rmsNorm' : 'layerNorm'
  const { dispatches } = device.record(() => model.forward(ids.slice(0, 1)).dispose())
  const kernels = new Set(dispatches.filter(dispatch => dispatch.op === op).map(({ kernel }) => kernel))
  return {
    description: `device ${device.name}: ${device.description}; ${norm} runs as ${[...kernels].join(', ')}`,
    run: async () => ({ prompt: await seconds(prompt, 1), token: await seconds(1, TOKEN_PASSES) }),
    close: async () => {
      model.dispose()
      await device.close()
    },
  }
}
