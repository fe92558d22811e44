import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type MixtureConfig, parseMixtureConfig, type SourceConfig } from '../config'
import { MixtureConfigError, ShardError } from '../errors'
import { manifestName } from '../manifest'
import { createMixture, type Mixture } from '../mixture'
import type { TokenStore } from '../tokens/token-store'
import { type DocumentTokenizer, tokenizerDifference, tokenizerIdentity } from '../tokens/tokenizer'
import { openShards, type ShardFolder } from './shard-store'
import { readManifest, type TokenizeProgress, tokenize } from './tokenize'

/** The tokens of a source on disk. */
export interface OpenedTokens {
  readonly training: TokenStore
  readonly validation: TokenStore
  /** Size of the documents' text in UTF-8, to score a model in bits per byte. */
  readonly bytes: { readonly training: number; readonly validation: number }
  readonly folders: readonly ShardFolder[]
}

/**
 * Opens token shards.
 *
 * @param folders one or more folders that `tokenize` wrote with the same tokenizer
 * @param tokenizer if given, the one that the shards must be of
 * @throws ShardError if a folder has no shards, if they are cut short, or of another tokenizer
 */
export const openTokens = async (
  folders: string | readonly string[],
  tokenizer?: DocumentTokenizer,
): Promise<OpenedTokens> => {
  const list = typeof folders === 'string' ? [folders] : folders
  if (list.length === 0) throw new MixtureConfigError('folders', 'is empty: give at least one')
  const opened: ShardFolder[] = []
  for (const folder of list) opened.push({ folder, manifest: await readManifest(folder) })
  const expected = tokenizer ? tokenizerIdentity(tokenizer) : opened[0].manifest.tokenizer
  for (const { folder, manifest } of opened) {
    const difference = tokenizerDifference(manifest.tokenizer, expected)
    if (difference) {
      const problem = `the shards are of another tokenizer, ${difference}: tokenize the source with this one`
      throw new ShardError(join(folder, manifestName), problem)
    }
  }
  const bytes = (split: 'training' | 'validation') =>
    opened.reduce((sum, { manifest }) => sum + manifest.splits[split].bytes, 0)
  return {
    training: await openShards(opened, 'training'),
    validation: await openShards(opened, 'validation'),
    bytes: { training: bytes('training'), validation: bytes('validation') },
    folders: opened,
  }
}

/**
 * Reads a mixture's config file.
 *
 * @returns the config, and the folder that its paths are relative to
 * @throws MixtureConfigError if the file cannot be read or is not a valid config
 */
export const readMixtureConfig = async (path: string): Promise<{ config: MixtureConfig; base: string }> => {
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new MixtureConfigError(path, `it cannot be read as JSON (${problem}): check the path and the file`, {
      cause: error,
    })
  }
  try {
    return { config: parseMixtureConfig(json), base: dirname(resolve(path)) }
  } catch (error) {
    throw error instanceof MixtureConfigError ? new MixtureConfigError(`${path}: ${error.field}`, error.problem) : error
  }
}

export interface OpenMixtureOptions {
  /** The folder that relative paths start from. Default: the working directory. */
  readonly base?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: TokenizeProgress) => void) | undefined
}

/** A mixture with the sources that it is made of, in the order of the config. */
export interface OpenedMixture {
  readonly mixture: Mixture
  readonly sources: readonly (OpenedTokens & { readonly name: string })[]
  close(): Promise<void>
}

/**
 * Opens the mixture of a config. Sources that have no token shards yet are tokenized first.
 *
 * @param given a config, which is checked again
 * @param tokenizer the one that the tokens are of, or are made with
 * @throws the errors of `parseMixtureConfig`, `tokenize`, `openTokens` and `createMixture`
 */
export const openMixture = async (
  given: MixtureConfig,
  tokenizer: DocumentTokenizer,
  options: OpenMixtureOptions = {},
): Promise<OpenedMixture> => {
  const config = parseMixtureConfig(given)
  const sources: (OpenedTokens & { name: string })[] = []
  const close = async () => {
    await Promise.all(sources.flatMap(({ training, validation }) => [training.close(), validation.close()]))
  }
  try {
    for (const source of config.sources) {
      const folders = await foldersOf(source, config, tokenizer, options)
      const tokens = await openTokens(folders, tokenizer)
      sources.push({ name: source.name, ...tokens })
      checkSettings(tokens, config)
    }
    const training = config.sources.map(({ name, share }, i) => ({ name, share, tokens: sources[i].training }))
    const { rowTokens, seed } = config
    return { mixture: createMixture(training, { rowTokens, seed }), sources, close }
  } catch (error) {
    await close()
    throw error
  }
}

const foldersOf = async (
  source: SourceConfig,
  config: MixtureConfig,
  tokenizer: DocumentTokenizer,
  options: OpenMixtureOptions,
): Promise<readonly string[]> => {
  const { base = process.cwd() } = options
  const { name, files, folders, format, field, separator } = source
  const { shards, bos, eos, validation } = config
  // parseMixtureConfig has made sure that a source with files has a folder for shards, and one without has folders.
  if (files === undefined || shards === undefined) return (folders ?? []).map(folder => resolve(base, folder))
  const folder = resolve(base, shards, name)
  await tokenize({ name, files, format, field, separator }, tokenizer, folder, { ...options, bos, eos, validation })
  return [folder]
}

/** @throws ShardError if shards were made with other settings than the config asks for */
const checkSettings = ({ folders }: OpenedTokens, config: MixtureConfig): void => {
  for (const { folder, manifest } of folders) {
    for (const key of ['bos', 'eos', 'validation'] as const) {
      if (config[key] !== undefined && manifest.settings[key] !== config[key]) {
        const problem = `${key} is ${manifest.settings[key]}, but the config asks for ${config[key]}`
        throw new ShardError(join(folder, manifestName), `${problem}: change it, or tokenize the source again`)
      }
    }
  }
}
