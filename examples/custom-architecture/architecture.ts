// How a folder of files becomes the decoder, and how the decoder becomes one.

import {
  type HuggingFaceMetadata,
  jsonFields,
  jsonFile,
  type Metadata,
  memoryWeights,
  type OutputFile,
  UnsupportedModelError,
  type WeightSpec,
  writeSafetensors,
} from '@cria/checkpoint'
import { type Architecture, hasModelType } from '@cria/llama'
import { openDevice } from '@cria/tensor'
import { Decoder, type DecoderConfig } from './model'

const name = 'my-decoder'
const shapes = await openDevice('shape') // only shapes of parameters, without memory

/** A file can contain any sizes, so each has a limit, far above the sizes of this model. */
const limits: DecoderConfig = { dim: 16384, heads: 256, layers: 256, context: 131_072, vocab: 1_000_000 }

const readConfig = ({ file, config }: HuggingFaceMetadata): DecoderConfig => {
  const fields = jsonFields(config, { file })
  const size = (field: keyof DecoderConfig) => {
    const value = fields.number(field)
    if (Number.isInteger(value) && value >= 1 && value <= limits[field]) return value
    throw new UnsupportedModelError({ file, field }, `is ${value}, expected a whole number from 1 to ${limits[field]}`)
  }
  return {
    dim: size('dim'),
    heads: size('heads'),
    layers: size('layers'),
    context: size('context'),
    vocab: size('vocab'),
  }
}

const matches = (metadata: Metadata): metadata is HuggingFaceMetadata =>
  metadata.kind === 'huggingface' && hasModelType(metadata, name)

/** Tensors in the file have the names of the parameters in the model. */
const specs = (config: DecoderConfig): WeightSpec[] =>
  Array.from(new Decoder(shapes, config).parameters(), ([path, { shape }]) => ({ path, name: path, shape }))

/** What `loadModel(folder, { architectures: [decoder] })` loads. */
export const decoder: Architecture<DecoderConfig> = {
  name,
  matches,
  config: ({ metadata }) => {
    if (matches(metadata)) return readConfig(metadata)
    throw new UnsupportedModelError({ file: metadata.file }, `is ${metadata.kind}, expected a folder with config.json`)
  },
  tensors: specs,
  build: (device, config) => new Decoder(device, config),
}

/**
 * The files of a model: `config.json` and `model.safetensors`.
 * @param arrays values by the paths of the parameters
 * @throws ConversionError for an array that is missing, unknown, or of the wrong length
 */
export const writeDecoder = (config: DecoderConfig, arrays: ReadonlyMap<string, Float32Array>): OutputFile[] => {
  const weights = memoryWeights(specs(config), arrays)
  const tensors = Array.from(weights.tensors, ([path, { shape }]) => ({
    name: path,
    shape,
    dtype: 'f32' as const,
    bytes: async () => {
      const { data } = await weights.read(path)
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    },
  }))
  return [jsonFile('config.json', { model_type: name, ...config }), writeSafetensors('model.safetensors', tensors)]
}
