import { type Fail, Fields, isCount, isFraction, isList, isObject, isText, isTrueOrFalse } from './checks'
import { ShardError } from './errors'
import type { Split, TokenizerIdentity } from './tokens/tokenizer'

/** A file of tokens, and its index of document ends. */
export interface ShardManifest {
  /** Name of the file beside the manifest: tokens, little-endian, without a header. */
  readonly file: string
  readonly tokens: number
  readonly documents: number
  /** SHA-256 of the file, in hexadecimal digits. */
  readonly sha256: string
  /** SHA-256 of `<file>.index`: for each document the number of tokens up to its end, as uint64. */
  readonly indexSha256: string
}

export interface SplitManifest {
  readonly tokens: number
  readonly documents: number
  /** Size of the documents' text in UTF-8. */
  readonly bytes: number
  readonly shards: readonly ShardManifest[]
}

/** A file that documents came from. */
export interface InputManifest {
  readonly path: string
  readonly bytes: number
  /** Time of its last change, in milliseconds since 1970. */
  readonly modified: number
  readonly sha256: string
}

/** How documents became tokens. */
export interface TokenizeSettings {
  readonly bos: boolean
  readonly eos: boolean
  readonly validation: number
  readonly format?: string | undefined
  readonly field?: string | undefined
  readonly separator?: string | undefined
}

/** `manifest.json` of a folder of token shards: one source. */
export interface TokensManifest {
  readonly format: 'cria-token-shards'
  readonly version: 1
  readonly name: string
  readonly tokenizer: TokenizerIdentity
  readonly settings: TokenizeSettings
  readonly dtype: 'uint16' | 'uint32'
  /** Empty where the documents did not come from files. */
  readonly inputs: readonly InputManifest[]
  readonly splits: Readonly<Record<Split, SplitManifest>>
}

export const manifestName = 'manifest.json'

/** Shards of one split, and files of one source, at most. */
const maxFiles = 1_000_000

const isSha256 = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const isFormat = (value: unknown): value is TokensManifest['format'] => value === 'cria-token-shards'
const isVersion = (value: unknown): value is 1 => value === 1
const isDtype = (value: unknown): value is TokensManifest['dtype'] => value === 'uint16' || value === 'uint32'
/** A file in the folder itself. */
const isFileName = (value: unknown): value is string => typeof value === 'string' && /^[\w-]+\.bin$/.test(value)
const isFileList = (value: unknown): value is unknown[] => isList(value) && value.length <= maxFiles
const isPositive = (value: unknown): value is number => isCount(value) && value > 0
const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const isVocabSize = (value: unknown): value is number => isCount(value) && value >= 1 && value <= 2 ** 31
const isProbe = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{16}$/.test(value)

/**
 * Reads a manifest.
 *
 * @param file its path, for errors
 * @throws ShardError if it is not one, or contradicts itself
 */
export const parseManifest = (text: string, file: string): TokensManifest => {
  const fail: Fail = (field, problem) => new ShardError(file, `${field}: ${problem}`)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new ShardError(file, 'it is not JSON: tokenize the source again', { cause: error })
  }
  const fields = new Fields(json, '', fail)
  const part = (key: string, of = fields, path = key) => new Fields(of.take(key, isObject, 'an object'), path, fail)
  const splits = part('splits')
  const split = (name: Split) => splitManifest(part(name, splits, `splits.${name}`), `splits.${name}`, fail)
  const manifest: TokensManifest = {
    format: fields.take('format', isFormat, 'cria-token-shards'),
    version: fields.take('version', isVersion, '1'),
    name: fields.take('name', isText, 'a name'),
    tokenizer: tokenizerManifest(part('tokenizer')),
    settings: settingsManifest(part('settings')),
    dtype: fields.take('dtype', isDtype, 'uint16 or uint32'),
    inputs: fields
      .take('inputs', isFileList, 'a list of files')
      .map((input, i) => inputManifest(new Fields(input, `inputs[${i}]`, fail))),
    splits: { training: split('training'), validation: split('validation') },
  }
  splits.end()
  fields.end()
  const fitting = manifest.tokenizer.vocabSize <= 2 ** 16 ? 'uint16' : 'uint32'
  if (manifest.dtype !== fitting) throw fail('dtype', `${manifest.dtype}: expected ${fitting} for this vocabulary`)
  return manifest
}

const taken = <T>(fields: Fields, value: T): T => {
  fields.end()
  return value
}

const tokenizerManifest = (fields: Fields): TokenizerIdentity =>
  taken(fields, {
    vocabSize: fields.take('vocabSize', isVocabSize, 'a whole number from 1 to 2^31'),
    bosId: fields.takeIfGiven('bosId', isCount, 'a token id'),
    eosId: fields.takeIfGiven('eosId', isCount, 'a token id'),
    probe: fields.take('probe', isProbe, '16 hexadecimal digits'),
  })

const settingsManifest = (fields: Fields): TokenizeSettings =>
  taken(fields, {
    bos: fields.take('bos', isTrueOrFalse, 'true or false'),
    eos: fields.take('eos', isTrueOrFalse, 'true or false'),
    validation: fields.take('validation', isFraction, 'a number from 0 to below 1'),
    format: fields.takeIfGiven('format', isText, 'a format'),
    field: fields.takeIfGiven('field', isText, 'a field'),
    separator: fields.takeIfGiven('separator', isText, 'a line'),
  })

const inputManifest = (fields: Fields): InputManifest =>
  taken(fields, {
    path: fields.take('path', isText, 'a path'),
    bytes: fields.take('bytes', isCount, 'a size'),
    modified: fields.take('modified', isTime, 'a time'),
    sha256: fields.take('sha256', isSha256, '64 hexadecimal digits'),
  })

const shardManifest = (fields: Fields): ShardManifest =>
  taken(fields, {
    file: fields.take('file', isFileName, 'the name of a .bin file in the same folder'),
    tokens: fields.take('tokens', isPositive, 'a count above 0'),
    documents: fields.take('documents', isPositive, 'a count above 0'),
    sha256: fields.take('sha256', isSha256, '64 hexadecimal digits'),
    indexSha256: fields.take('indexSha256', isSha256, '64 hexadecimal digits'),
  })

const splitManifest = (fields: Fields, path: string, fail: Fail): SplitManifest => {
  const split: SplitManifest = {
    tokens: fields.take('tokens', isCount, 'a count'),
    documents: fields.take('documents', isCount, 'a count'),
    bytes: fields.take('bytes', isCount, 'a size'),
    shards: fields
      .take('shards', isFileList, 'a list of shards')
      .map((shard, i) => shardManifest(new Fields(shard, `${path}.shards[${i}]`, fail))),
  }
  fields.end()
  for (const key of ['tokens', 'documents'] as const) {
    const sum = split.shards.reduce((sum, shard) => sum + shard[key], 0)
    if (sum !== split[key]) throw fail(`${path}.${key}`, `${split[key]}, but its shards have ${sum}`)
  }
  return split
}
