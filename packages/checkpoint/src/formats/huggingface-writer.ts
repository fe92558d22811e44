import { byteLength, elementCount } from '@cria/dtypes'
import { ConversionError } from '../errors'
import { indexName } from '../files'
import { jsonFile, type OutputFile, type OutputTensor } from '../output-file'
import { writeSafetensors } from './safetensors'

const sizeOf = ({ dtype, shape }: OutputTensor) => byteLength(dtype, elementCount(shape) ?? 0)

/** Fills shards in order. A tensor that is larger than a shard gets its own shard. */
const intoShards = (tensors: readonly OutputTensor[], maxBytes: number): OutputTensor[][] => {
  const shards: OutputTensor[][] = [[]]
  let bytes = 0
  for (const tensor of tensors) {
    if (bytes > 0 && bytes + sizeOf(tensor) > maxBytes) {
      shards.push([])
      bytes = 0
    }
    shards[shards.length - 1].push(tensor)
    bytes += sizeOf(tensor)
  }
  return shards
}

const shardName = (index: number, count: number) => {
  const digits = (n: number) => String(n).padStart(5, '0')
  return `model-${digits(index + 1)}-of-${digits(count)}.safetensors`
}

/**
 * `model.safetensors`, or shards with their index if it would be larger than `maxShardBytes`.
 * @param maxShardBytes bytes of tensors in one file; 5 GB by default, as in transformers
 * @throws ConversionError if `maxShardBytes` is not positive, or safetensors does not have a tensor's type
 */
export const writeShardedSafetensors = (tensors: readonly OutputTensor[], maxShardBytes = 5e9): OutputFile[] => {
  if (!(maxShardBytes > 0)) {
    throw new ConversionError(
      { file: 'model.safetensors', field: 'maxShardBytes' },
      `is ${maxShardBytes}, expected a size`,
    )
  }
  const shards = intoShards(tensors, maxShardBytes)
  if (shards.length === 1) return [writeSafetensors('model.safetensors', shards[0])]
  const weight_map: Record<string, string> = {}
  const files = shards.map((shard, index) => {
    const name = shardName(index, shards.length)
    for (const tensor of shard) weight_map[tensor.name] = name
    return writeSafetensors(name, shard)
  })
  const total_size = tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0)
  return [...files, jsonFile(indexName, { metadata: { total_size }, weight_map })]
}
