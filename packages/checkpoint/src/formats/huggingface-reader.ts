import { MalformedFileError, SourceError } from '../errors'
import { configName, indexName } from '../files'
import { baseName, folderName, type Source } from '../sources/source'
import type { StoredModel } from '../stored-checkpoint'
import type { StoredTensor } from '../stored-tensor'
import { readHuggingFaceConfig } from './huggingface-config'
import { isObject, readJsonFile } from './json'
import { readSafetensorsHeader } from './safetensors'

/** Which shard holds each tensor, from the index; without an index, all are in the one safetensors file. */
export const readWeightMap = async (index: Source, signal?: AbortSignal): Promise<Map<string, string>> => {
  const { weight_map } = await readJsonFile(index, signal)
  const place = { file: index.name, field: 'weight_map' }
  if (!isObject(weight_map)) throw new MalformedFileError(place, 'is no object from tensors to files')
  for (const [tensor, file] of Object.entries(weight_map)) {
    if (typeof file !== 'string' || file !== baseName(file) || !file.endsWith('.safetensors')) {
      throw new MalformedFileError(
        { ...place, tensor },
        `is ${JSON.stringify(file)}, expected a safetensors file beside it`,
      )
    }
  }
  return new Map(Object.entries(weight_map as Record<string, string>))
}

const readShard = async (source: Source, into: Map<string, StoredTensor>, signal?: AbortSignal) => {
  const { tensors } = await readSafetensorsHeader(source, { signal })
  for (const [name, { dtype, shape, offset }] of tensors) {
    if (into.has(name)) throw new MalformedFileError({ file: source.name, tensor: name }, 'is also in another shard')
    into.set(name, { name, shape, dtype, parts: [{ source, offset, shape }] })
  }
}

const find = (sources: readonly Source[], name: string) => sources.find(source => baseName(source.name) === name)

const readTensors = async (sources: readonly Source[], signal?: AbortSignal): Promise<Map<string, StoredTensor>> => {
  const tensors = new Map<string, StoredTensor>()
  const index = find(sources, indexName)
  if (!index) {
    for (const source of sources) {
      if (source.name.endsWith('.safetensors')) await readShard(source, tensors, signal)
    }
    return tensors
  }
  const weightMap = await readWeightMap(index, signal)
  for (const file of new Set(weightMap.values())) {
    const shard = find(sources, file)
    if (!shard) throw new SourceError({ file }, `is missing, but ${index.name} names it; fetch it too`)
    await readShard(shard, tensors, signal)
  }
  for (const [name, file] of weightMap) {
    const holder = tensors.get(name)?.parts[0].source.name
    if (holder !== undefined && baseName(holder) === file) continue
    throw new MalformedFileError({ file: index.name, tensor: name }, `is not in ${file}, where the index has it`)
  }
  for (const name of tensors.keys()) {
    if (!weightMap.has(name))
      throw new MalformedFileError({ file: index.name, tensor: name }, 'is in a shard, but not in the index')
  }
  return tensors
}

/**
 * Reads a Hugging Face folder, given as its files: `config.json`, and `model.safetensors` or its shards with their index.
 * Throws a `SourceError` for a file that is missing, and as `readSafetensorsHeader` does.
 */
export const readHuggingFace = async (sources: readonly Source[], signal?: AbortSignal): Promise<StoredModel> => {
  const configSource = find(sources, configName)
  if (!configSource) {
    throw new SourceError({ file: sources[0].name }, 'has no config.json beside it; give the folder, or add the file')
  }
  const json = await readJsonFile(configSource, signal)
  const tensors = await readTensors(sources, signal)
  const config = readHuggingFaceConfig(json, { file: configSource.name })
  // A tied output is the embedding, whatever copy of it a file carries: transformers ties it after loading.
  if (config.tied_output) tensors.delete('lm_head.weight')
  return {
    format: 'Hugging Face safetensors',
    name: folderName(configSource.name),
    config,
    naming: 'huggingFace',
    tensors,
  }
}
