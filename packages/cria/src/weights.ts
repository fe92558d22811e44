import type { CausalModel } from '@cria/attention-variants'
import {
  ConversionError,
  readWeights,
  type StoredDType,
  type TensorData,
  type TensorInfo,
  type Weights,
} from '@cria/checkpoint'
import { type DType, dtypes, rowLength } from '@cria/dtypes'
import type { Parameter } from '@cria/layers'
import { type Device, OutOfMemoryError } from '@cria/tensor'
import { LoadError } from './errors'
import type { LoadOptions } from './load-model'

/**
 * Loads weights into a network's parameters, one tensor at a time.
 * @throws LoadError, before anything is read, for weights that are not those of the network, or a type of weights that its
 * device does not read
 * @throws OutOfMemoryError with the name of the weight @throws CheckpointError
 */
export const loadWeights = async (
  network: CausalModel,
  weights: Weights,
  { weights: wanted, signal, onProgress }: Pick<LoadOptions, 'weights' | 'signal' | 'onProgress'> = {},
): Promise<void> => {
  const { device } = network
  const reads = device.weightTypes
  checkLoadable(network, weights, wanted)
  const parameters = new Map(network.parameters())
  const source = wanted ? weights : withoutOverflow(weights)
  const dtype = (_path: string, info: TensorInfo) => heldType(info, reads, wanted)
  // One is read while the other is uploaded.
  using first = device.staging()
  using second = device.staging()
  const memory = [(bytes: number) => first.take(bytes), (bytes: number) => second.take(bytes)] as const
  for await (const [path, tensor] of readWeights(source, { dtype, signal, onProgress, memory })) {
    try {
      parameters.get(path)?.load(upload(device, tensor))
      await device.granted()
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error
      throw new OutOfMemoryError(device.name, `"${path}", ${error.tensor}`, error.bytes, { cause: error })
    }
  }
}

/** Gives a network on a device of shapes parameters of the types that the weights will have on the real device. */
export const loadShapes = (
  network: CausalModel,
  { tensors }: Pick<Weights, 'tensors'>,
  wanted?: DType | undefined,
): void => {
  const { device } = network
  for (const [path, parameter] of network.parameters()) {
    const info = tensors.get(path)
    if (info) parameter.load(device.zeros(parameter.shape, heldType(info, device.weightTypes, wanted)))
  }
}

const upload = (device: Device, { data, shape, dtype }: TensorData) =>
  device.tensor(data as Parameters<Device['tensor']>[0], shape, dtype)

/** Weights that are read as f32 if f16 was chosen here and cannot hold one of their values. */
const withoutOverflow = (weights: Weights): Weights => ({
  ...weights,
  async read(path, options) {
    try {
      return await weights.read(path, options)
    } catch (error) {
      if (!(error instanceof ConversionError) || options?.dtype !== 'f16') throw error
      return weights.read(path, { ...options, dtype: 'f32', onBytes: undefined })
    }
  },
})

/** @throws LoadError if the weights do not fit the network, or its device does not read their type */
export const checkLoadable = (network: CausalModel, weights: Weights, wanted: DType | undefined): void => {
  const { name, weightTypes } = network.device
  if (wanted && !weightTypes.includes(wanted)) {
    throw new LoadError(`device "${name}" reads weights as ${weightTypes.join(', ')}, not ${wanted}`)
  }
  checkWeights(weights, new Map(network.parameters()))
}

const checkWeights = ({ name: file, tensors }: Weights, parameters: ReadonlyMap<string, Parameter>): void => {
  for (const [path, { shape }] of tensors) {
    const expected = parameters.get(path)?.shape
    if (!expected) throw new LoadError(`${file}: tensor "${path}" has no place in this model`)
    if (expected.join() !== shape.join())
      throw new LoadError(`${file}: tensor "${path}" is [${shape}], and [${expected}] in this model`)
  }
  for (const path of parameters.keys())
    if (!tensors.has(path)) throw new LoadError(`${file}: tensor "${path}" is missing`)
}

/** Types that can represent every value of a stored type, the smallest first. f32 always can, to its own precision. */
const wider = (stored: StoredDType): readonly DType[] => {
  // f16 is exact for these integers. For blocks its rounding is far smaller than a quantisation step.
  if (stored === 'i8_grouped' || stored === 'i8' || stored === 'u8' || stored === 'bool') return ['f16', 'f32']
  if (dtypes[stored].kind === 'block') return [stored, 'f16', 'f32']
  // bf16 and f64 have a larger range than f16, and other integers more digits.
  return stored === 'f16' || stored === 'bf16' ? [stored, 'f32'] : ['f32']
}

const fits = (dtype: DType, shape: readonly number[]) => rowLength(shape) % dtypes[dtype].blockElements === 0

/**
 * The type of a weight on the device. Vectors are f32. A matrix keeps its stored type if the device reads it; otherwise it gets a
 * type that keeps its range and precision. If the caller asks for a type, it gets that type, or f16 or f32 if its rows are not whole
 * blocks of it.
 * @param reads the types of weights that the device reads
 */
const heldType = (
  { shape, dtype }: { readonly shape: readonly number[]; readonly dtype: StoredDType },
  reads: readonly DType[],
  wanted?: DType | undefined,
): DType => {
  if (shape.length < 2) return 'f32'
  const candidates: readonly DType[] = wanted === undefined ? wider(dtype) : [wanted, 'f16']
  return candidates.find(candidate => reads.includes(candidate) && fits(candidate, shape)) ?? 'f32'
}
