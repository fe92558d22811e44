import { byteLength, elementCount } from '@cria/dtypes'
import type { Checkpoint, TensorInfo } from './checkpoint'
import { disguiseError, headBytes } from './disguises'
import { ConversionError, MalformedFileError, SourceError, UnsupportedModelError } from './errors'
import { chooseFiles, findVocabularyName, isCompanion } from './files'
import { ggufMagic } from './formats/gguf-metadata'
import { readGguf, readGgufVocabulary } from './formats/gguf-reader'
import { readHuggingFace } from './formats/huggingface-reader'
import { type JsonObject, readJsonFile } from './formats/json'
import { readLlama2c } from './formats/llama2c-reader'
import { readMeta } from './formats/meta-reader'
import { baseName, type ReadBytesOptions, type Source } from './sources/source'
import type { StoredModel, StoredTensor } from './stored-model'
import { readStored } from './stored-tensor'
import type { Vocabulary, VocabularyFile } from './vocabulary'

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined
  /** False if the caller has a tokenizer: tokenizer files next to the model are then not opened or requested. */
  readonly vocabulary?: boolean | undefined
}

/** The largest tokenizer.json files have about 40 MB. */
const maxVocabularyBytes = 100_000_000

const vocabularyFile = (source: Source, companions: VocabularyFile['companions'] = {}): VocabularyFile => ({
  kind: 'file',
  name: source.name,
  size: source.size,
  companions,
  async read(options: ReadBytesOptions = {}) {
    const { name: file, size } = source
    if (size > maxVocabularyBytes) {
      throw new MalformedFileError({ file }, `has ${size} bytes, expected a tokenizer of at most ${maxVocabularyBytes}`)
    }
    const bytes = await source.read(0, size, { signal: options.signal })
    const disguise = disguiseError(bytes, file)
    if (disguise) throw disguise
    return bytes
  },
})

const vocabularyBeside = async (
  sources: readonly Source[],
  { metadata }: StoredModel,
  signal: AbortSignal | undefined,
): Promise<VocabularyFile | undefined> => {
  const pieces = metadata.kind === 'llama2c' ? metadata.header.vocab_size : undefined
  const names = sources.map(source => source.name)
  const chosen = findVocabularyName(names, pieces)
  const source = sources.find(candidate => candidate.name === chosen)
  if (!source) return undefined
  const json = async (name: string): Promise<JsonObject | undefined> => {
    const found = sources.find(candidate => baseName(candidate.name) === name)
    return found && readJsonFile(found, signal)
  }
  const known = metadata.kind === 'huggingface' ? metadata.tokenizerConfig : undefined
  return vocabularyFile(source, {
    tokenizerConfig: known ?? (await json('tokenizer_config.json')),
    addedTokens: await json('added_tokens.json'),
    specialTokensMap: await json('special_tokens_map.json'),
  })
}

const magicOf = async (source: Source, signal: AbortSignal | undefined): Promise<number> => {
  const bytes = new Uint8Array(4)
  bytes.set(await source.read(0, Math.min(4, source.size), { signal }))
  return new DataView(bytes.buffer).getUint32(0, true)
}

/** `PK`, of a zip archive. */
const zipMagic = 0x04034b50

/** A single file is recognised by its first bytes. llama2.c's version 0 has no magic, so it comes last. */
const readSingle = async (source: Source, signal: AbortSignal | undefined): Promise<StoredModel> => {
  const magic = await magicOf(source, signal)
  if (magic === ggufMagic || source.name.endsWith('.gguf')) return readGguf([source], signal)
  if (magic === zipMagic) {
    throw new UnsupportedModelError(
      { file: source.name },
      'is a PyTorch archive. Only consolidated.NN.pth are read: use the safetensors of the same model',
    )
  }
  return readLlama2c(source, signal)
}

const readModel = async (sources: readonly Source[], signal: AbortSignal | undefined): Promise<StoredModel> => {
  if (sources.length === 1 && sources[0].name.endsWith('.gguf')) return readGguf(sources, signal)
  const candidates = sources.filter(({ name }) => !isCompanion(name))
  const models = candidates.length > 0 ? candidates : sources
  if (models.length === 0) throw new SourceError({ file: 'checkpoint' }, 'has no files; give at least one')
  const names = models.map(source => source.name)
  // A file that was named is opened with any extension: blobs in caches have none.
  const isUnknown = names.length === 1 && !/\.(safetensors|pth|json|gguf|bin)$/.test(names[0])
  const { kind, files } = isUnknown ? { kind: 'single', files: names } : chooseFiles(names[0], names)
  const chosen = models.filter(source => files.includes(source.name))
  if (kind === 'huggingface') return readHuggingFace([...chosen, ...sources.filter(s => isCompanion(s.name))], signal)
  if (kind === 'meta') return readMeta(chosen, signal)
  if (kind === 'gguf') return readGguf(chosen, signal)
  return readSingle(chosen[0], signal)
}

/** A better error than the parser's, if the file is recognised as another kind of file. */
const explain = async (error: unknown, sources: readonly Source[], signal: AbortSignal | undefined) => {
  if (!(error instanceof MalformedFileError)) return error
  const source = sources.find(({ name }) => name === error.file)
  if (!source) return error
  const head = await source.read(0, Math.min(source.size, headBytes), { signal })
  return disguiseError(head, source.name) ?? error
}

/** Bytes of a tensor in its files, all shards together. */
const storedBytes = ({ dtype, parts }: StoredTensor): number =>
  parts.reduce((sum, { shape, scales }) => {
    const elements = elementCount(shape) ?? 0
    // One byte for each element, and an f32 scale for each group.
    if (dtype === 'i8_grouped') return sum + elements + (scales ? (elements / scales.groupSize) * 4 : 0)
    return sum + byteLength(dtype, elements)
  }, 0)

const checkpointOf = (
  { format, name: file, metadata, tensors: stored }: StoredModel,
  vocabulary: Vocabulary | undefined,
  close: () => Promise<void>,
): Checkpoint => {
  const tensors = new Map<string, TensorInfo>()
  for (const [name, tensor] of stored) {
    const { shape, dtype, parts } = tensor
    tensors.set(name, { shape, dtype, byteLength: storedBytes(tensor), shards: parts.length })
  }
  return {
    format,
    name: file,
    metadata,
    tensors,
    vocabulary,
    async read(name, options) {
      const tensor = stored.get(name)
      if (!tensor) throw new ConversionError({ file, tensor: name }, 'is not a tensor of this file; see `tensors`')
      return readStored(tensor, options)
    },
    close,
  }
}

/**
 * Opens a model from its files: a GGUF file or the parts of a split one, a llama2.c file, or the files of a Hugging Face
 * folder or of Meta's download. The format is recognised. A tokenizer file among them becomes the `vocabulary` unless the
 * model has one inside. Only headers are read. From now on the sources belong to the checkpoint: they are closed with it,
 * and if opening fails.
 * @throws MalformedFileError @throws UnsupportedModelError @throws SourceError, each with file, tensor and field
 */
export const openCheckpoint = async (
  files: Source | readonly Source[],
  { signal, vocabulary = true }: OpenOptions = {},
): Promise<Checkpoint> => {
  const sources = 'read' in files ? [files] : files
  const close = async () => {
    await Promise.all(sources.map(source => source.close()))
  }
  try {
    const model = await readModel(sources, signal)
    const beside = vocabulary && !model.vocabulary ? await vocabularyBeside(sources, model, signal) : undefined
    return checkpointOf(model, model.vocabulary ?? beside, close)
  } catch (error) {
    const explained = await explain(error, sources, signal).catch(() => error)
    await close()
    throw explained
  }
}

/**
 * The tokenizer in a file: the one inside a GGUF file, which need not hold a model, or the file itself. The source stays
 * the caller's.
 * @throws MalformedFileError for a GGUF file without a tokenizer
 */
export const readVocabulary = async (source: Source, { signal }: OpenOptions = {}): Promise<Vocabulary> => {
  if ((await magicOf(source, signal)) !== ggufMagic) return vocabularyFile(source)
  const vocabulary = await readGgufVocabulary(source, signal)
  if (vocabulary) return vocabulary
  throw new MalformedFileError({ file: source.name }, 'has no tokenizer inside; give another file')
}
