import {
  Fields,
  isAbove0,
  isCount,
  isFraction,
  isList,
  isSeed,
  isShare,
  isText,
  isTextList,
  isTrueOrFalse,
} from './checks'
import { MixtureConfigError } from './errors'
import { partsOf } from './shares'

export type FileFormat = 'text' | 'jsonl' | 'parquet'

/** The files of a source, and their format. */
export interface SourceFiles {
  /** Paths, in which `*` stands for any part of a name, and `**` for any folders. */
  readonly files: readonly string[]
  /** Default: by the file's name: `.jsonl`, `.ndjson` and `.json`, `.parquet`, otherwise text. `.gz` and `.zst` may follow. */
  readonly format?: FileFormat | undefined
  /** The field of JSON lines, or the column of Parquet files, that holds the text. Default: `text`. */
  readonly field?: string | undefined
  /** The line that ends a document of a text file. Without it each text file is one document. */
  readonly separator?: string | undefined
}

/** A source of a mixture: either its files, or folders of token shards that were made from them. */
export interface SourceConfig extends Omit<SourceFiles, 'files'> {
  readonly name: string
  /** Share of the tokens that are trained on. */
  readonly share: number
  /** As for `SourceFiles`. */
  readonly files?: readonly string[] | undefined
  /** Folders of token shards, as `tokenize` writes them, in place of files. */
  readonly folders?: readonly string[] | undefined
  /** The most epochs of this source. `cria mixture` reports a plan that needs more. */
  readonly maxEpochs?: number | undefined
}

/** A mixture as a JSON file describes it. Paths in it are relative to that file. */
export interface MixtureConfig {
  readonly sources: readonly SourceConfig[]
  /** Folder for token shards: those of a source with files are written into a folder of its name. */
  readonly shards?: string | undefined
  /** The tokenizer's file. This package does not read it: the caller of `openMixture` passes the tokenizer. */
  readonly tokenizer?: string | undefined
  /** T: a row has T + 1 ids. */
  readonly rowTokens: number
  /** Tokens that will be trained on. */
  readonly totalTokens?: number | undefined
  readonly seed?: number | undefined
  readonly bos?: boolean | undefined
  readonly eos?: boolean | undefined
  /** Fraction of the documents held out for validation. */
  readonly validation?: number | undefined
}

const fail = (field: string, problem: string) => new MixtureConfigError(field, problem)

/** A name that is also the name of a folder on every system. */
const isName = (value: unknown): value is string =>
  typeof value === 'string' && /^[\p{L}\p{N}_][\p{L}\p{N}_. -]{0,99}$/u.test(value) && !value.endsWith('.')

const isFormat = (value: unknown): value is FileFormat => value === 'text' || value === 'jsonl' || value === 'parquet'

const isRowTokens = (value: unknown): value is number => isCount(value) && value >= 1 && value < 2 ** 31

const isSeparator = (value: unknown): value is string => isText(value) && !/[\r\n]/.test(value)

/**
 * The config in a parsed JSON value.
 *
 * @throws MixtureConfigError for an unknown or missing key, a value out of range, a name used twice, or shares that do not sum to 1
 */
export const parseMixtureConfig = (value: unknown): MixtureConfig => {
  const fields = new Fields(value, '', fail)
  const sources = fields.take('sources', isList, 'a list of sources').map(sourceConfig)
  const config: MixtureConfig = {
    sources,
    shards: fields.takeIfGiven('shards', isText, 'the path of a folder for token shards'),
    tokenizer: fields.takeIfGiven('tokenizer', isText, 'the path of a tokenizer'),
    rowTokens: fields.take('rowTokens', isRowTokens, 'a whole number from 1 to 2^31 - 1'),
    totalTokens: fields.takeIfGiven('totalTokens', isAbove0, 'a number above 0'),
    seed: fields.takeIfGiven('seed', isSeed, 'a safe integer, 0 or more'),
    bos: fields.takeIfGiven('bos', isTrueOrFalse, 'true or false'),
    eos: fields.takeIfGiven('eos', isTrueOrFalse, 'true or false'),
    validation: fields.takeIfGiven('validation', isFraction, 'a number from 0 to below 1'),
  }
  fields.end()
  // Some file systems do not distinguish upper and lower case.
  const names = sources.map(({ name }) => name.toLowerCase())
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i)
  if (twice >= 0) throw fail(`sources[${twice}].name`, `${sources[twice].name} is used twice: give each its own name`)
  if (config.shards === undefined && sources.some(({ files }) => files)) {
    throw fail('shards', 'missing: expected the path of a folder for the tokens of the files')
  }
  partsOf(
    sources.map(({ share }) => share),
    sources.map(({ name }) => name),
  )
  return config
}

const sourceConfig = (value: unknown, index: number): SourceConfig => {
  const fields = new Fields(value, `sources[${index}]`, fail)
  const source: SourceConfig = {
    name: fields.take('name', isName, 'a name of letters, digits, spaces, and any of _ . -'),
    share: fields.take('share', isShare, 'a number in (0, 1]'),
    files: fields.takeIfGiven('files', isTextList, 'a list of paths'),
    folders: fields.takeIfGiven('folders', isTextList, 'a list of folders of token shards'),
    format: fields.takeIfGiven('format', isFormat, 'text, jsonl or parquet'),
    field: fields.takeIfGiven('field', isText, 'the name of a field or column'),
    separator: fields.takeIfGiven('separator', isSeparator, 'a line of text'),
    maxEpochs: fields.takeIfGiven('maxEpochs', isAbove0, 'a number above 0'),
  }
  fields.end()
  if ((source.files === undefined) === (source.folders === undefined)) {
    const problem = source.files ? 'given beside files: give only one of the two' : 'missing: give files or folders'
    throw fail(fields.at(source.files ? 'folders' : 'files'), problem)
  }
  for (const key of ['format', 'field', 'separator'] as const) {
    if (source.folders && source[key] !== undefined) {
      throw fail(fields.at(key), `${source[key]}: it is for files, but folders are given: leave it out`)
    }
  }
  return source
}
