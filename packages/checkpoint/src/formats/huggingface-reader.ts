import { MalformedFileError, SourceError } from '../errors'
import { configName, indexName } from '../files'
import type { HuggingFaceMetadata } from '../metadata'
import { baseName, folderName, type Source } from '../sources/source'
import type { StoredModel, StoredTensor } from '../stored-model'
import { isObject, readJsonFile } from './json'
import { readSafetensorsHeader } from './safetensors'

const find = (sources: readonly Source[], name: string) => sources.find(source => baseName(source.name) === name)

/**
 * The safetensors files that an index names, each once.
 * @throws MalformedFileError unless each is the name of a safetensors file beside the index
 */
export const readIndexedFiles = async (index: Source, signal?: AbortSignal): Promise<string[]> => {
  const { weight_map } = await readJsonFile(index, signal)
  const place = { file: index.name, field: 'weight_map' }
  if (!isObject(weight_map)) throw new MalformedFileError(place, 'is not an object from tensors to files')
  for (const [tensor, file] of Object.entries(weight_map)) {
    if (typeof file !== 'string' || file !== baseName(file) || !file.endsWith('.safetensors')) {
      throw new MalformedFileError(
        { ...place, tensor },
        `is ${JSON.stringify(file)}, expected a safetensors file beside it`,
      )
    }
  }
  return [...new Set(Object.values(weight_map as Record<string, string>))]
}

/** The complete set of numbered shards among files: `model-00001-of-00002.safetensors` and so on. */
const numberedShards = (shards: readonly Source[]): readonly Source[] | undefined => {
  const sets = new Map<string, Source[]>()
  for (const shard of shards) {
    const [, stem, count] = /^(.*)-\d+-of-(\d+)\.safetensors$/.exec(baseName(shard.name)) ?? []
    if (stem === undefined) continue
    const key = `${stem}-of-${count}`
    sets.set(key, [...(sets.get(key) ?? []), shard])
  }
  const complete = [...sets].filter(([key, set]) => set.length === Number(/\d+$/.exec(key)?.[0]))
  return complete.length === 1 ? complete[0][1] : undefined
}

/**
 * The files to read: those that the index names, or the one complete set of numbered shards, or all. An index only chooses
 * files: where each tensor is, the headers of the files say.
 */
const chooseShards = async (sources: readonly Source[], signal?: AbortSignal): Promise<readonly Source[]> => {
  const shards = sources.filter(({ name }) => name.endsWith('.safetensors'))
  const index = find(sources, indexName)
  if (!index) return numberedShards(shards) ?? shards
  const indexed = await readIndexedFiles(index, signal)
  const missing = indexed.find(file => !find(shards, file))
  if (missing === undefined) return shards.filter(({ name }) => indexed.includes(baseName(name)))
  const numbered = numberedShards(shards)
  if (numbered) return numbered
  throw new SourceError({ file: index.name, field: 'weight_map' }, `names ${missing}, which is missing; get it too`)
}

const maxTextBytes = 2 ** 20

const readText = async (source: Source, signal?: AbortSignal): Promise<string> => {
  const file = source.name
  if (source.size > maxTextBytes) {
    throw new MalformedFileError({ file }, `has ${source.size} bytes, expected at most ${maxTextBytes}`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await source.read(0, source.size, { signal }))
  } catch (error) {
    if (error instanceof TypeError) throw new MalformedFileError({ file }, 'is not UTF-8 text', { cause: error })
    throw error
  }
}

const readMetadata = async (sources: readonly Source[], signal?: AbortSignal): Promise<HuggingFaceMetadata> => {
  const config = find(sources, configName)
  if (!config) {
    throw new SourceError({ file: sources[0].name }, 'has no config.json beside it; give the folder, or add the file')
  }
  const json = async (name: string) => {
    const source = find(sources, name)
    return source && readJsonFile(source, signal)
  }
  const template = find(sources, 'chat_template.jinja')
  return {
    kind: 'huggingface',
    file: config.name,
    config: await readJsonFile(config, signal),
    generationConfig: await json('generation_config.json'),
    tokenizerConfig: await json('tokenizer_config.json'),
    chatTemplate: template && (await readText(template, signal)),
  }
}

/**
 * Reads a Hugging Face folder, given as its files: `config.json`, and `model.safetensors` or its shards.
 * Throws a `SourceError` for a file that is missing, and as `readSafetensorsHeader` does.
 */
export const readHuggingFace = async (sources: readonly Source[], signal?: AbortSignal): Promise<StoredModel> => {
  const metadata = await readMetadata(sources, signal)
  const tensors = new Map<string, StoredTensor>()
  for (const source of await chooseShards(sources, signal)) {
    const header = await readSafetensorsHeader(source, { signal })
    for (const [name, { dtype, shape, offset }] of header.tensors) {
      if (tensors.has(name)) {
        throw new MalformedFileError({ file: source.name, tensor: name }, 'is also in another shard')
      }
      tensors.set(name, { name, shape, dtype, parts: [{ source, offset, shape }] })
    }
  }
  return { format: 'Hugging Face safetensors', name: folderName(metadata.file), metadata, tensors }
}
