import type { Weights } from '@cria/checkpoint'
import { type DType, dtypes, rowLength } from '@cria/dtypes'
import { initialise } from '@cria/layers'
import { type Llama, type LlamaConfig, llamaSizes } from '@cria/llama'
import { llama2, llama2Sizes } from '@cria/llama2'
import { type Device, openDevice, type Recording, type Tensor, type TuningReport } from '@cria/tensor'
import { runTypicalPasses } from './typical-passes'
import { loadShapes } from './weights'

/** Configs of all published sizes, by name: `llama-7b` … `llama2-70b`. */
export const publishedSizes: Readonly<Record<string, LlamaConfig>> = { ...llamaSizes, ...llama2Sizes }

export interface ModelDescription {
  readonly parameters: number
  /** Bytes of keys and values a token, by the type of their elements. */
  readonly kvBytesPerToken: { readonly f16: number; readonly f32: number }
  /** Floating-point operations of one decoded token, the cache half full. */
  readonly flopsPerToken: number
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]
}

/** A model's figures from shapes alone: nothing is allocated, for models of any size. */
export const describeConfig = async (config: LlamaConfig): Promise<ModelDescription> => {
  await using device = await openDevice('shape')
  const network = llama2(device, config)
  initialise(network, device)
  const { cost } = recordDecode(network, Math.floor(network.maxSeqLen / 2))
  return {
    parameters: network.parameterCount,
    kvBytesPerToken: { f16: network.kvBytesPerToken(2), f32: network.kvBytesPerToken(4) },
    flopsPerToken: cost.flops,
    tensors: Array.from(network.parameters(), ([name, { shape }]) => ({ name, shape })),
  }
}

/**
 * The kernels that decoding one token dispatches, in order, and their cost: from shapes alone, or on a device. The device
 * must hold the cache of the whole context and one matrix of each shape.
 * @param weights the type of matrices; f32 for a matrix whose rows are not whole blocks of that type. Types other than f32 need a plan of `webgpu`
 * @throws ContextOverflowError for a position past the context
 */
export const planDecode = async (
  config: LlamaConfig,
  device?: Device,
  position = 0,
  weights: DType = 'f32',
): Promise<Recording> => {
  await using shapes = await openDevice('shape')
  const where = device ?? shapes
  const network = llama2(where, config)
  try {
    loadZeros(network, weights)
    return recordDecode(network, position)
  } finally {
    network.dispose()
  }
}

/**
 * Has a device measure which variants are the fastest for a model, without the model. Each round of measurements has a time
 * limit, so there are rounds until all is measured, or until a round measures nothing more.
 * @param weights the types of its tensors, or one type for all of its matrices
 * @returns undefined if the device does not tune: open `webgpu` with `tune: 'on'`
 * @throws DeviceFailedError
 */
export const tuneFor = async (
  device: Device,
  config: LlamaConfig,
  weights: DType | Pick<Weights, 'tensors'>,
): Promise<TuningReport | undefined> => {
  for (let left = Number.POSITIVE_INFINITY; ; ) {
    const { compiled } = await device.prepare(shapes => {
      const network = llama2(shapes, config)
      if (typeof weights === 'string') loadZeros(network, weights)
      else loadShapes(network, weights)
      runTypicalPasses(network, undefined)
      network.dispose()
    })
    await compiled
    const open = device.tuning?.open.length ?? 0
    if (open === 0 || open >= left) return device.tuning
    left = open
  }
}

/** Zeros, shared by all parameters of one shape: a plan does not depend on the values. */
const loadZeros = (network: Llama, weights: DType): void => {
  const { device } = network
  const byShape = new Map<string, Tensor>()
  for (const [, parameter] of network.parameters()) {
    const { shape } = parameter
    const dtype = shape.length > 1 && rowLength(shape) % dtypes[weights].blockElements === 0 ? weights : 'f32'
    if (dtype !== 'f32') {
      // Only plans have other types, and plans allocate nothing.
      parameter.load(device.zeros(shape, dtype))
      continue
    }
    const name = shape.join()
    const zeros = byShape.get(name) ?? device.zeros(shape)
    byShape.set(name, zeros)
    parameter.load(zeros.reshape(...shape))
  }
  for (const zeros of byShape.values()) zeros.dispose()
}

const recordDecode = (network: Llama, position: number): Recording => {
  using cache = network.createCache()
  using sequence = cache.sequence({ capacity: network.maxSeqLen, length: position })
  const step = () => network.forward([0], sequence).dispose()
  // The first step allocates rows of the cache. Most steps do not.
  step()
  sequence.rewind(position)
  return network.device.record(step)
}
