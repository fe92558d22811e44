import {
  blobSource,
  type Checkpoint,
  type HttpSourceOptions,
  httpSource,
  hubUrl,
  isServerUrl,
  memorySource,
  type OpenUrlOptions,
  openCheckpoint,
  openUrl,
  readVocabulary,
  type Source,
  type Vocabulary,
} from '@cria/checkpoint'
import { fileSource, openPath } from '#platform'
import { LoadError } from './errors'

/** A file: bytes in memory, a `Blob` or `File`, or a source of your own. */
export type ModelFile = Blob | ArrayBuffer | Uint8Array | Source

/**
 * Where a model is: the path of a file or folder, a `file:` or `http(s):` URL, `hf:OWNER/NAME` for one on the Hugging Face
 * hub, the file itself or the files of one model (such as a `FileList`), or an open checkpoint. In a page, a path is a URL
 * relative to the page's.
 */
export type ModelLocation = string | URL | ModelFile | ArrayLike<ModelFile> | Checkpoint

export const isCheckpoint = (from: unknown): from is Checkpoint =>
  typeof from === 'object' && from !== null && 'tensors' in from && 'metadata' in from

const isSource = (file: unknown): file is Source =>
  typeof file === 'object' && file !== null && 'read' in file && 'size' in file

const fileSourceOf = (file: unknown): Source | undefined => {
  if (file instanceof Blob) return blobSource(file)
  if (file instanceof Uint8Array) return memorySource(file)
  if (file instanceof ArrayBuffer) return memorySource(new Uint8Array(file))
  return isSource(file) ? file : undefined
}

const sourcesOf = (from: ModelFile | ArrayLike<ModelFile>): Source[] => {
  const single = fileSourceOf(from)
  if (single) return [single]
  const isList = typeof from === 'object' && from !== null && 'length' in from
  const files: unknown[] = isList ? Array.from(from as ArrayLike<unknown>) : []
  return files.map((file, index) => {
    const source = fileSourceOf(file)
    if (source) return source
    throw new LoadError(`file ${index} of the model is ${typeof file}: give Blobs, Files, bytes or sources`)
  })
}

/** The address on a server of `http:` and `hf:` locations; undefined for paths. */
const addressOf = (location: string): string | undefined => {
  if (/^hf:/i.test(location)) return hubUrl(location)
  return isServerUrl(location) ? location : undefined
}

/**
 * Opens what a location names. An open checkpoint is returned as it is.
 * @throws LoadError for a value that is not a location @throws CheckpointError
 */
export const openLocation = async (from: ModelLocation, options: OpenUrlOptions = {}): Promise<Checkpoint> => {
  if (isCheckpoint(from)) return from
  if (typeof from === 'string' || from instanceof URL) {
    const address = addressOf(String(from))
    return address === undefined ? openPath(from, options) : openUrl(address, options)
  }
  const sources = sourcesOf(from)
  if (sources.length === 0) {
    throw new LoadError('the model is not a location: give a path, a URL, files, bytes, sources or an open checkpoint')
  }
  return openCheckpoint(sources, options)
}

/**
 * The tokenizer at a path, URL or `hf:` location: a tokenizer file, or a GGUF file that has one inside.
 * @throws CheckpointError
 */
export const readTokenizerFile = async (from: string | URL, options: HttpSourceOptions = {}): Promise<Vocabulary> => {
  const address = addressOf(String(from))
  const source = await (address === undefined ? fileSource(from) : httpSource(address, options))
  try {
    const vocabulary = await readVocabulary(source, { signal: options.signal })
    if (vocabulary.kind === 'gguf') return vocabulary
    const bytes = await vocabulary.read({ signal: options.signal })
    return { ...vocabulary, read: async () => bytes }
  } finally {
    await source.close()
  }
}
