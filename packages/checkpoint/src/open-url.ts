import type { Checkpoint } from './checkpoint'
import { SourceError } from './errors'
import { commonVocabularies, configName, indexName, isShard, paramsName } from './files'
import { readWeightMap } from './formats/huggingface-reader'
import { openCheckpoint } from './open'
import { type HttpSourceOptions, httpSource } from './sources/http'
import { baseName, type Source } from './sources/source'

/** The file beside `url`, or undefined where the server has none of this name. */
const beside = async (url: string, name: string, options: HttpSourceOptions): Promise<Source | undefined> => {
  try {
    return await httpSource(new URL(name, url).href, options)
  } catch (error) {
    if (error instanceof SourceError && error.status === 404) return undefined
    throw error
  }
}

const firstVocabulary = async (url: string, options: HttpSourceOptions): Promise<Source[]> => {
  for (const name of commonVocabularies) {
    const source = await beside(url, name, options)
    if (source) return [source]
  }
  return []
}

const huggingFaceFiles = async (url: string, config: Source, options: HttpSourceOptions): Promise<Source[]> => {
  // A file that is a model of its own is that model, whatever lies beside it.
  const named = baseName(url)
  if (named.endsWith('.safetensors') && !isShard(named)) return [config, await httpSource(url, options)]
  const index = await beside(url, indexName, options)
  const shards = index ? [...new Set((await readWeightMap(index, options.signal)).values())] : ['model.safetensors']
  const sources = [config, ...(index ? [index] : [])]
  for (const name of shards) sources.push(await httpSource(new URL(name, url).href, options))
  return sources
}

const metaFiles = async (url: string, params: Source, options: HttpSourceOptions): Promise<Source[]> => {
  const sources = [params]
  for (let index = 0; ; index++) {
    const shard = await beside(url, `consolidated.${String(index).padStart(2, '0')}.pth`, options)
    if (!shard) return sources
    sources.push(shard)
  }
}

const folderFiles = async (url: string, options: HttpSourceOptions): Promise<Source[]> => {
  const config = await beside(url, configName, options)
  if (config) return huggingFaceFiles(url, config, options)
  const params = await beside(url, paramsName, options)
  if (params) return metaFiles(url, params, options)
  throw new SourceError({ file: url }, `has neither ${configName} nor ${paramsName}; give a model's folder or file`)
}

/**
 * Opens a model on a server by range requests: a GGUF or llama2.c file, or a folder in Hugging Face's or Meta's layout
 * (or any file of one), such as `https://huggingface.co/OWNER/NAME/resolve/main/`. Only headers are fetched until tensors
 * are read. Throws as `openCheckpoint` and `httpSource`.
 */
export const openUrl = async (url: string, options: HttpSourceOptions = {}): Promise<Checkpoint> => {
  const { pathname } = new URL(url)
  const single = /\.(gguf|bin)$/.test(pathname)
  const folder = /\.(json|safetensors|pth)$|\/$/.test(pathname) ? url : `${url}/`
  const files = single ? [await httpSource(url, options)] : await folderFiles(folder, options)
  const vocabulary = pathname.endsWith('.gguf') ? [] : await firstVocabulary(single ? url : folder, options)
  return openCheckpoint([...files, ...vocabulary], options)
}
