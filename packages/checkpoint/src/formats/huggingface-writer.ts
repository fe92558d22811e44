import type { Checkpoint, TensorData } from '../checkpoint'
import { headDim } from '../config'
import { byteLength, elementCount } from '../dtypes'
import { ConversionError } from '../errors'
import { configName, indexName } from '../files'
import { type Weight, weightsOf } from '../names'
import { bytesFile, type OutputFile, vocabularyFile } from '../output-file'
import { halvesRow } from '../rope-permutation'
import { writeHuggingFaceConfig } from './huggingface-config'
import { type SafetensorsInput, writeSafetensors } from './safetensors'

export interface WriteHuggingFaceOptions {
  /** The type of every weight; f32 by default. */
  readonly dtype?: 'f32' | 'f16'
  /** Bytes of tensors above which another shard begins; 5 GB by default, as in transformers. */
  readonly maxShardBytes?: number
}

const bytesOf = ({ data }: TensorData) => new Uint8Array(data.buffer)

/** Rows of wq and wk from interleaved pairs to halves. */
const toHalves = (bytes: Uint8Array<ArrayBuffer>, rows: number, head: number): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(bytes.length)
  const stride = bytes.length / rows
  for (let row = 0; row < rows; row++) {
    out.set(bytes.subarray(row * stride, (row + 1) * stride), halvesRow(row, head) * stride)
  }
  return out
}

const inputOf = (checkpoint: Checkpoint, weight: Weight, dtype: 'f32' | 'f16'): SafetensorsInput => ({
  name: weight.huggingFace,
  dtype,
  shape: weight.shape,
  async bytes({ signal }) {
    const bytes = bytesOf(await checkpoint.read(weight.meta, { dtype, signal }))
    return weight.rotaryHeads === undefined ? bytes : toHalves(bytes, weight.shape[0], headDim(checkpoint.config))
  },
})

const sizeOf = ({ dtype, shape }: SafetensorsInput) => byteLength(dtype, elementCount(shape) ?? 0)

/** Fills shards in order; a tensor larger than a shard gets one of its own. */
const intoShards = (inputs: readonly SafetensorsInput[], maxBytes: number): SafetensorsInput[][] => {
  const shards: SafetensorsInput[][] = [[]]
  let bytes = 0
  for (const input of inputs) {
    if (bytes > 0 && bytes + sizeOf(input) > maxBytes) {
      shards.push([])
      bytes = 0
    }
    shards[shards.length - 1].push(input)
    bytes += sizeOf(input)
  }
  return shards
}

const jsonFile = (name: string, value: unknown) =>
  bytesFile(name, new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`))

const shardName = (index: number, count: number) => {
  const digits = (n: number) => String(n).padStart(5, '0')
  return `model-${digits(index + 1)}-of-${digits(count)}.safetensors`
}

/**
 * A Hugging Face folder: `config.json`, `model.safetensors` (or shards with their index, where it would be larger than
 * `maxShardBytes`), and the tokenizer's file where the checkpoint has one beside it. Throws a `ConversionError` for a
 * `maxShardBytes` that is no size.
 */
export const writeHuggingFace = (
  checkpoint: Checkpoint,
  { dtype = 'f32', maxShardBytes = 5e9 }: WriteHuggingFaceOptions = {},
): OutputFile[] => {
  if (!(maxShardBytes > 0)) {
    throw new ConversionError({ file: checkpoint.name, field: 'maxShardBytes' }, `is ${maxShardBytes}, expected a size`)
  }
  const inputs = [...weightsOf(checkpoint.config)].map(weight => inputOf(checkpoint, weight, dtype))
  const shards = intoShards(inputs, maxShardBytes)
  const config = writeHuggingFaceConfig(checkpoint.config, dtype === 'f32' ? 'float32' : 'float16')
  const files = [jsonFile(configName, config), ...vocabularyFile(checkpoint.vocabulary)]
  if (shards.length === 1) return [...files, writeSafetensors('model.safetensors', shards[0])]
  const weight_map: Record<string, string> = {}
  const shardFiles = shards.map((shard, index) => {
    const name = shardName(index, shards.length)
    for (const input of shard) weight_map[input.name] = name
    return writeSafetensors(name, shard)
  })
  const total_size = inputs.reduce((sum, input) => sum + sizeOf(input), 0)
  return [...files, ...shardFiles, jsonFile(indexName, { metadata: { total_size }, weight_map })]
}
