import type { Checkpoint } from './checkpoint'
import { SourceError } from './errors'
import {
  addedTokensNames,
  configName,
  generationNames,
  ggufParts,
  indexName,
  isPartOfFolder,
  paramsName,
  vocabularyNames,
  weightsName,
} from './files'
import { readIndexedFiles } from './formats/huggingface-reader'
import { type OpenOptions, openCheckpoint } from './open'
import { type HttpSourceOptions, httpSource, optionalHttpSource } from './sources/http'
import { baseName, type Source } from './sources/source'

export type OpenUrlOptions = OpenOptions & HttpSourceOptions

/** The address of a file beside another one, with the same query: it may hold a signature. */
const beside = (url: string, name: string): string => {
  const address = new URL(encodeURIComponent(name), url)
  address.search = new URL(url).search
  return address.href
}

const optional = (url: string, name: string, options: OpenUrlOptions) => optionalHttpSource(beside(url, name), options)

/** The files that exist on the server. */
const existing = async (url: string, names: readonly string[], options: OpenUrlOptions): Promise<Source[]> => {
  const found = await Promise.all(names.map(name => optional(url, name, options)))
  return found.filter(source => source !== undefined)
}

const vocabularyFiles = async (url: string, options: OpenUrlOptions): Promise<Source[]> => {
  if (options.vocabulary === false) return []
  for (const name of vocabularyNames) {
    const source = await optional(url, name, options)
    if (source) return [source]
  }
  return []
}

const weightFiles = async (url: string, options: OpenUrlOptions): Promise<Source[]> => {
  const named = baseName(url)
  if (named.endsWith('.safetensors') && !isPartOfFolder(named)) return [await httpSource(url, options)]
  const whole = await optional(url, weightsName, options)
  if (whole) return [whole]
  const index = await optional(url, indexName, options)
  if (!index) {
    throw new SourceError(
      { file: url },
      `has a ${configName}, but neither ${weightsName} nor ${indexName}; if it has GGUF files, give the address of one`,
    )
  }
  const shards = await readIndexedFiles(index, options.signal)
  return [index, ...(await Promise.all(shards.map(name => httpSource(beside(url, name), options))))]
}

const metaFiles = async (url: string, params: Source, options: OpenUrlOptions): Promise<Source[]> => {
  const sources = [params]
  for (let index = 0; ; index++) {
    const shard = await optional(url, `consolidated.${String(index).padStart(2, '0')}.pth`, options)
    if (!shard) return sources
    sources.push(shard)
  }
}

const folderFiles = async (url: string, options: OpenUrlOptions): Promise<Source[]> => {
  const config = await optional(url, configName, options)
  if (config) {
    const companions = options.vocabulary === false ? generationNames : [...generationNames, ...addedTokensNames]
    const [weights, beside] = await Promise.all([weightFiles(url, options), existing(url, companions, options)])
    return [config, ...weights, ...beside]
  }
  const params = await optional(url, paramsName, options)
  if (params) return metaFiles(url, params, options)
  throw new SourceError(
    { file: url },
    `has neither ${configName} nor ${paramsName}; give the address of a model's folder, or of a GGUF or .bin file`,
  )
}

/**
 * Opens a model on a server by range requests: a GGUF file (or any part of a split one), a llama2.c file, or a folder in
 * Hugging Face's or Meta's layout (or any file of one), such as `https://huggingface.co/OWNER/NAME/resolve/main/`. Only
 * headers are fetched until tensors are read. Throws as `openCheckpoint` and `httpSource`.
 */
export const openUrl = async (url: string, options: OpenUrlOptions = {}): Promise<Checkpoint> => {
  const { pathname } = new URL(url)
  if (pathname.endsWith('.gguf')) {
    const parts = ggufParts(decodeURIComponent(baseName(url)))
    const addresses = parts.length === 1 ? [url] : parts.map(name => beside(url, name))
    return openCheckpoint(await Promise.all(addresses.map(address => httpSource(address, options))), options)
  }
  if (pathname.endsWith('.bin')) {
    const model = await httpSource(url, options)
    return openCheckpoint([model, ...(await vocabularyFiles(url, options))], options)
  }
  const folder = new URL(url)
  if (!/\.(json|safetensors|pth)$|\/$/.test(pathname)) folder.pathname += '/'
  const files = await folderFiles(folder.href, options)
  return openCheckpoint([...files, ...(await vocabularyFiles(folder.href, options))], options)
}

/**
 * The address of a model on the Hugging Face hub: `hf:OWNER/NAME`, `hf:OWNER/NAME@REVISION`, or with the path of a file
 * after it, such as `hf:OWNER/NAME/model.Q4_K_M.gguf`.
 * @throws SourceError for another form
 */
export const hubUrl = (location: string, hub = 'https://huggingface.co'): string => {
  const match = /^hf:(?:\/\/)?([\w.-]+)\/([\w.-]+)(?:@([\w./-]+?))?(?:\/(?!\/)(.+))?$/.exec(location)
  if (!match) {
    throw new SourceError(
      { file: location },
      'is not a location on the hub; expected hf:OWNER/NAME or hf:OWNER/NAME/FILE',
    )
  }
  const [, owner, name, revision = 'main', path = ''] = match
  const encode = (text: string) => text.split('/').map(encodeURIComponent).join('/')
  return `${hub}/${owner}/${name}/resolve/${encodeURIComponent(revision)}/${encode(path)}`
}
