import type { Checkpoint, TensorInfo, Vocabulary } from './checkpoint'
import { checkConfig, type ModelConfig } from './config'
import { ConversionError, MalformedFileError, UnsupportedModelError } from './errors'
import { derivedTensors, type Naming, type Weight, weightsOf } from './names'
import { readStored, type StoredTensor, storedBytes } from './stored-tensor'

/** What a reader finds in its files. */
export interface StoredModel {
  readonly format: string
  readonly name: string
  readonly config: ModelConfig
  readonly naming: Naming
  /** What the files hold, by the names they give. */
  readonly tensors: ReadonlyMap<string, StoredTensor>
  readonly vocabulary?: Vocabulary | undefined
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, axis) => size === b[axis])

const checkTensor = (file: string, found: StoredTensor, weight: Weight) => {
  if (sameShape(found.shape, weight.shape)) return
  throw new MalformedFileError(
    { file, tensor: found.name },
    `has shape [${found.shape}], expected [${weight.shape}] from the config; the two do not belong together`,
  )
}

const unknownTensor = (file: string, name: string) => {
  const kind = name.endsWith('.bias')
    ? 'is a bias, and a LLaMA has none'
    : 'is no weight of a LLaMA with this config (architecture, number of layers, tied output)'
  return new UnsupportedModelError({ file, tensor: name }, `${kind}; this model needs another program`)
}

/** The weights by Meta's names, in order. Throws for a tensor that is missing, misshapen or unknown, naming it. */
const matchWeights = ({ name: file, config, naming, tensors }: StoredModel): Map<string, StoredTensor> => {
  const weights = new Map<string, StoredTensor>()
  const unmatched = new Set(tensors.keys())
  for (const weight of weightsOf(config)) {
    const name = weight[naming]
    const found = tensors.get(name)
    if (!found) {
      throw new MalformedFileError({ file, tensor: name }, `is missing; expected it with shape [${weight.shape}]`)
    }
    checkTensor(file, found, weight)
    unmatched.delete(name)
    const inHalves = naming === 'huggingFace' && weight.rotaryHeads !== undefined
    weights.set(weight.meta, inHalves ? { ...found, halvesOf: config.dim / config.n_heads } : found)
  }
  for (const name of unmatched) {
    if (!derivedTensors.some(pattern => pattern.test(name))) throw unknownTensor(file, name)
  }
  return weights
}

/** A checkpoint over tensors whose places are known, once they are the weights of the config. */
export const storedCheckpoint = (model: StoredModel, close: () => Promise<void>): Checkpoint => {
  const { format, name: file, config, vocabulary } = model
  checkConfig(config, { file })
  const weights = matchWeights(model)
  const tensors = new Map<string, TensorInfo>()
  for (const [name, stored] of weights) {
    tensors.set(name, { shape: stored.shape, dtype: stored.dtype, byteLength: storedBytes(stored) })
  }
  return {
    format,
    name: file,
    config,
    tensors,
    vocabulary,
    async read(name, options = {}) {
      const stored = weights.get(name)
      if (!stored) throw new ConversionError({ file, tensor: name }, 'is no tensor of this model; see `tensors`')
      return readStored(stored, options)
    },
    close,
  }
}
