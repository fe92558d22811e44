import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Checkpoint } from '../checkpoint'
import { SourceError } from '../errors'
import { chooseFiles, configName, indexName, isShard, paramsName } from '../files'
import { type OpenOptions, openCheckpoint } from '../open'
import { fileSource } from '../sources/file'
import type { Source } from '../sources/source'

const isFolder = async (path: string): Promise<boolean> => {
  const info = await stat(path).catch(error => {
    throw new SourceError({ file: path }, 'does not exist; check the path', { cause: error })
  })
  return info.isDirectory()
}

/** Files that are but a part of a model, which is then the folder they lie in. */
const isPart = (name: string) => [configName, indexName, paramsName].includes(name) || isShard(name)

const listFiles = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { withFileTypes: true }))
    .filter(entry => !entry.isDirectory())
    .map(entry => entry.name)
    .sort()

/** The files to open: those of the folder's one model, or the file named with its config and tokenizers beside it. */
const resolve = async (path: string): Promise<string[]> => {
  const folder = (await isFolder(path)) ? path : isPart(basename(path)) ? dirname(path) : undefined
  const names = await listFiles(folder ?? dirname(path))
  if (folder !== undefined) {
    const { weights, vocabularies } = chooseFiles(folder, names)
    return [...weights, ...vocabularies].map(name => join(folder, name))
  }
  const { vocabularies } = chooseFiles(path, [basename(path), ...names.filter(name => /^tok/.test(name))])
  const config = path.endsWith('.safetensors') && names.includes(configName) ? [configName] : []
  return [path, ...[...config, ...vocabularies].map(name => join(dirname(path), name))]
}

/**
 * Opens a model on disk: a GGUF or llama2.c file, or a folder in Hugging Face's or Meta's layout (or any file of one).
 * Files are opened for reading only. Throws as `openCheckpoint`.
 */
export const openPath = async (path: string, options: OpenOptions = {}): Promise<Checkpoint> => {
  const sources: Source[] = []
  try {
    for (const file of await resolve(path)) sources.push(await fileSource(file))
  } catch (error) {
    await Promise.all(sources.map(source => source.close()))
    throw error
  }
  return openCheckpoint(sources, options)
}
