import { readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { SourceFiles } from '../config'
import { MixtureConfigError, ShardError, SourceSizeError } from '../errors'
import {
  type InputManifest,
  manifestName,
  parseManifest,
  type ShardManifest,
  type TokenizeSettings,
  type TokensManifest,
} from '../manifest'
import {
  checkEncodeOptions,
  type DocumentTokenizer,
  type EncodeDocumentsOptions,
  encodeDocuments,
  tokenizerDifference,
  tokenizerIdentity,
} from '../tokens/tokenizer'
import { NewFiles } from './folder'
import { filesOfSource, fileTimes, hashFile, readDocuments } from './read-files'
import { openShards } from './shard-store'
import { ShardWriter } from './shard-writer'

/** A source to tokenize: files, or documents from anywhere. */
export type TokenizeSource = { readonly name: string } & (
  | SourceFiles
  | { readonly documents: Iterable<string> | AsyncIterable<string> }
)

export interface TokenizeProgress {
  readonly source: string
  readonly documents: number
  readonly tokens: number
}

export interface TokenizeOptions extends EncodeDocumentsOptions {
  /** The folder that relative paths start from. Default: the working directory. */
  readonly base?: string | undefined
  /** Tokens after which the next document starts a new shard. Default: 2^28. */
  readonly shardTokens?: number | undefined
  /** Called every thousand documents, and at the end. */
  readonly onProgress?: ((progress: TokenizeProgress) => void) | undefined
}

/**
 * Writes the tokens of a source as shards into a folder: `training-00000.bin`, `validation-00000.bin` and so on, each with an
 * `.index` beside it, and `manifest.json`. Ids are little-endian uint16, or uint32 for a vocabulary of over 65,536 tokens, without a
 * header, as nanoGPT, llama2.c and datatrove read them; an index holds for each document the number of tokens up to its end, as
 * uint64, as datatrove writes it. The files appear when all are complete, the manifest last. If the folder has the tokens of the same
 * files, settings and tokenizer already, nothing is written.
 *
 * @returns the manifest
 * @throws DocumentError if a document cannot be read
 * @throws SourceSizeError if there is no document
 * @throws ShardError if the folder has other tokens
 * @throws VocabularyError if the tokenizer gives an id outside its vocabulary
 * @throws MixtureConfigError if an option is out of range
 * @throws WriteError if the disk is full or cannot be written
 */
export const tokenize = async (
  source: TokenizeSource,
  tokenizer: DocumentTokenizer,
  folder: string,
  options: TokenizeOptions = {},
): Promise<TokensManifest> => {
  const { base = process.cwd(), shardTokens = 2 ** 28, signal } = options
  if (!(Number.isSafeInteger(shardTokens) && shardTokens > 0)) {
    throw new MixtureConfigError('shardTokens', `${shardTokens}: expected a whole number above 0`)
  }
  const identity = tokenizerIdentity(tokenizer)
  const settings: TokenizeSettings = {
    ...checkEncodeOptions(tokenizer, options),
    ...('files' in source && { format: source.format, field: source.field, separator: source.separator }),
  }
  const paths = 'files' in source ? (await filesOfSource(source, base)).map(({ path }) => path) : []
  const existing = await findManifest(folder)
  if (existing) {
    await checkSame(existing, { folder, name: source.name, identity, settings, base, paths, signal })
    return existing
  }
  const inputs: InputManifest[] = []
  for (const path of paths) {
    inputs.push({ path: portable(path, base), ...(await fileTimes(path)), sha256: await hashFile(path, signal) })
  }
  const documents = 'files' in source ? readDocuments(source, { base, signal }) : source.documents
  const dtype = identity.vocabSize <= 2 ** 16 ? 'uint16' : 'uint32'
  const files = new NewFiles(folder)
  try {
    const writers = {
      training: new ShardWriter(files, 'training', dtype, shardTokens),
      validation: new ShardWriter(files, 'validation', dtype, shardTokens),
    }
    const progress = { source: source.name, documents: 0, tokens: 0 }
    for await (const { split, ids, bytes } of encodeDocuments(documents, tokenizer, source.name, options)) {
      await writers[split].add(ids, bytes)
      progress.documents++
      progress.tokens += ids.length
      if (progress.documents % 1000 === 0) options.onProgress?.({ ...progress })
    }
    if (progress.documents === 0) {
      throw new SourceSizeError(source.name, 'it has no documents with text: add some, or leave it out')
    }
    options.onProgress?.({ ...progress })
    const splits = { training: await writers.training.finish(), validation: await writers.validation.finish() }
    const manifest: TokensManifest = {
      ...{ format: 'cria-token-shards', version: 1, name: source.name },
      ...{ tokenizer: identity, settings, dtype, inputs, splits },
    }
    await files.commit(manifest)
    return manifest
  } catch (error) {
    await files.discard()
    throw error
  }
}

/**
 * The manifest of a folder of token shards.
 *
 * @throws ShardError if there is none, or it is damaged
 */
export const readManifest = async (folder: string): Promise<TokensManifest> => {
  const manifest = await findManifest(folder)
  if (manifest) return manifest
  throw new ShardError(join(folder, manifestName), 'there is no such file: tokenize the source first')
}

/** Bytes of the largest manifest that is read. */
const maxManifest = 2 ** 28

const findManifest = async (folder: string): Promise<TokensManifest | undefined> => {
  const path = join(folder, manifestName)
  let text: string
  try {
    const { size } = await stat(path)
    if (size > maxManifest) throw new ShardError(path, `it has ${size} bytes, more than any manifest: tokenize again`)
    text = await readFile(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error instanceof ShardError ? error : new ShardError(path, `it cannot be read (${message})`, { cause: error })
  }
  return parseManifest(text, path)
}

/** A path in the manifest, relative to the base, so that it is the same on other machines. */
const portable = (path: string, base: string): string => relative(base, path).split(sep).join('/')

interface Wanted {
  readonly folder: string
  readonly name: string
  readonly identity: TokensManifest['tokenizer']
  readonly settings: TokenizeSettings
  readonly base: string
  readonly paths: readonly string[]
  readonly signal: AbortSignal | undefined
}

/** @throws ShardError if the existing shards do not match the request */
const checkSame = async (existing: TokensManifest, wanted: Wanted): Promise<void> => {
  const { folder, name, identity, settings, base, paths, signal } = wanted
  const refuse = (problem: string) =>
    new ShardError(join(folder, manifestName), `the folder has other tokens: ${problem}; remove it, or choose another`)
  if (existing.name !== name) throw refuse(`they are of ${existing.name}, not of ${name}`)
  const difference = tokenizerDifference(existing.tokenizer, identity)
  if (difference) throw refuse(`they are of another tokenizer, ${difference}`)
  for (const key of ['bos', 'eos', 'validation', 'format', 'field', 'separator'] as const) {
    if (existing.settings[key] !== settings[key]) {
      throw refuse(`${key} was ${existing.settings[key] ?? 'not given'} and is ${settings[key] ?? 'not given'}`)
    }
  }
  if (paths.length === 0) throw refuse('whether documents that are not from files are the same cannot be told')
  if (existing.inputs.length !== paths.length)
    throw refuse(`they are of ${existing.inputs.length} files, not ${paths.length}`)
  for (const [i, path] of paths.entries()) {
    const before = existing.inputs[i]
    if (before.path !== portable(path, base))
      throw refuse(`file ${i} was ${before.path} and is ${portable(path, base)}`)
    const { bytes, modified } = await fileTimes(path)
    // A file with the same size and time is taken to be the same; another is read.
    if (bytes === before.bytes && modified === before.modified) continue
    if (bytes !== before.bytes || (await hashFile(path, signal)) !== before.sha256) throw refuse(`${path} has changed`)
  }
  await checkShards(folder, existing)
}

/** @throws ShardError if a shard is missing or not as long as the manifest says */
const checkShards = async (folder: string, manifest: TokensManifest): Promise<void> => {
  for (const split of ['training', 'validation'] as const)
    await (await openShards([{ folder, manifest }], split)).close()
}

/**
 * Reads the shards of a folder whole, and compares their hashes with the manifest.
 *
 * @throws ShardError for the first file that differs
 */
export const verifyShards = async (folder: string, signal?: AbortSignal): Promise<TokensManifest> => {
  const manifest = await readManifest(folder)
  await checkShards(folder, manifest)
  const check = async (file: string, expected: string) => {
    const path = join(folder, file)
    if ((await hashFile(path, signal)) !== expected) {
      throw new ShardError(path, 'its SHA-256 is not that of the manifest: copy it or write it again')
    }
  }
  const shards: readonly ShardManifest[] = [...manifest.splits.training.shards, ...manifest.splits.validation.shards]
  for (const { file, sha256, indexSha256 } of shards) {
    await check(file, sha256)
    await check(`${file}.index`, indexSha256)
  }
  return manifest
}
